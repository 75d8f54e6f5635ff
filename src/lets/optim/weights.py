"""theta: the trainable parameters of the base optimizer, seen as one vector."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .vectors import Vector, copied, dense


class Weights:
    """The parameters that `optimizer` updates, in the order of its groups.

    A parameter that does not require a gradient keeps its place as None, so freezing or unfreezing one during
    training does not shift the others.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer) -> None:
        self._model, self._optimizer = model, optimizer

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters of the base optimizer, frozen ones included."""
        return [p for group in self._optimizer.param_groups for p in group["params"]]

    @property
    def device(self) -> torch.device:
        """The device of the first parameter."""
        return self.parameters[0].device

    def trainable(self) -> Vector:
        """The parameters themselves; None where frozen."""
        return [p if p.requires_grad else None for p in self.parameters]

    def values(self) -> Vector:
        """The parameters without their history; None where frozen."""
        return [p.detach() if p.requires_grad else None for p in self.parameters]

    def copy(self) -> Vector:
        """A copy of the values, for `restore`."""
        return copied(self.values())

    @torch.no_grad()
    def restore(self, saved: Vector) -> None:
        """Put a copy back, bit for bit."""
        pairs = [(p, s) for p, s in zip(self.parameters, saved, strict=True) if s is not None]
        if pairs:
            torch._foreach_copy_([p for p, _ in pairs], [s for _, s in pairs])

    @contextmanager
    def moved(self, saved: Vector, by: Vector) -> Iterator[None]:
        """At theta + `by`; the way back goes by the copy `saved`, because adding and subtracting drifts."""
        moving: Vector = [s if b is not None else None for s, b in zip(saved, by, strict=True)]
        with torch.no_grad():
            targets = [p for p, b in zip(self.parameters, by, strict=True) if b is not None]
            if targets:
                torch._foreach_add_(targets, dense(by))
        try:
            yield
        finally:
            self.restore(moving)

    def hand_over(self, gradient: Vector) -> None:
        """Make `gradient` what the base optimizer finds; whatever lay in `.grad` before is ignored."""
        for parameter, g in zip(self.parameters, gradient, strict=True):
            parameter.grad = g

    def versions(self) -> list[tuple[int, int, bool]]:
        """Changes whenever the weights do: version counters, addresses, and which of them are trainable."""
        return [(p._version, p.data_ptr(), p.requires_grad) for p in self.parameters]
