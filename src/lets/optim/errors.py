"""How a training step fails once its input is accepted, and what users are warned of."""

import sys
from types import FrameType
from warnings import warn


class DivergenceError(ArithmeticError):
    """A loss or a gradient became NaN or infinite; the weights are back at theta_t.

    Attributes: `step` (0-based), `rho` (radius of that step), `norms` (name of the quantity → its value).
    """

    exit_code = 3

    def __init__(self, step: int, rho: float, norms: dict[str, float]) -> None:
        self.step, self.rho, self.norms = step, rho, norms
        values = ", ".join(f"{name} {value:g}" for name, value in norms.items())
        super().__init__(
            f"training diverged at step {step}: {values} with radius {rho:g}; "
            "the weights were restored. Try a smaller learning rate or radius."
        )

    def __reduce__(self) -> tuple[type, tuple[int, float, dict[str, float]]]:
        return type(self), (self.step, self.rho, self.norms)  # as processes hand exceptions over


class StaleGradientError(RuntimeError):
    """On a GPU, a step began with the gradient kept from the step before, though numbers had changed since."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(
            f"step {step} reused the gradient that the step before had computed for its batch, but weights, buffers or "
            "batch were changed in between through .data, which a GPU tells too late; both steps were undone. Change "
            "them under torch.no_grad() without .data, or pass a copy of the batch"
        )

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return type(self), (self.step,)


class RadiusWarning(UserWarning):
    """The radius will not do what it is there for: it stands still, meets its bounds, or leaves its schedule."""


def warn_of_radius(message: str) -> None:
    """Give a `RadiusWarning` that points to the line of the user."""
    _, depth = caller()
    warn(message, RadiusWarning, stacklevel=depth)


def caller() -> tuple[str, int]:
    """Return the name of the module that called this package, and how many calls it is away from who asks.

    Calls of torch in between are passed over: it wraps what is called of an optimizer.
    """
    frame, depth = sys._getframe(1), 1
    while frame.f_back and _name(frame).startswith((f"{__package__}.", "torch.")):
        frame, depth = frame.f_back, depth + 1
    return _name(frame), depth


def is_asked_by(module: str) -> bool:
    """Whether this package was called by a module of torch, or one below it."""
    frame = sys._getframe(1)
    while frame.f_back and _name(frame).startswith((f"{__package__}.", "torch.")):
        if _name(frame).startswith(module):
            return True
        frame = frame.f_back
    return False


def _name(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
