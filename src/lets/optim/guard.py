"""Divergence: noticing numbers that are not finite, without making the host wait for a GPU.

On the CPU a number is there when it is computed, so the verdict is immediate. On a GPU the numbers of a
step are copied to the host in the background and read when the next step has been queued; by then the
weights have moved on, so what undoes the step is kept until its verdict is in.
"""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite

import torch
from torch import Tensor

from .errors import DivergenceError, StaleGradientError

STALE = "stale_gradient"


class Readings:
    """The numbers of one step on their way to the host."""

    def __init__(self, step: int, rho: Tensor, quantities: Mapping[str, Tensor]) -> None:
        self._step, self._names = step, list(quantities)
        values = torch.stack([x.detach().to(rho.device, torch.float64) for x in (rho, *quantities.values())])
        self._arrived: torch.Event | None = None
        if values.device.type == "cpu":
            self._values = values
        else:
            self._values = torch.empty(values.shape, dtype=values.dtype, device="cpu", pin_memory=True)
            self._values.copy_(values, non_blocking=True)
            self._arrived = torch.Event(values.device.type)
            self._arrived.record()

    def raise_if_diverged(self) -> None:
        """Wait until the numbers have arrived; DivergenceError if one of them is not finite."""
        if self._arrived is not None:
            self._arrived.synchronize()
        rho, *values = self._values.tolist()
        _raise_if_diverged(self._step, rho, self._names, values)


class Guard:
    """Raises `DivergenceError`: at once, or (`late`) one step later, after undoing the step it is about."""

    def __init__(self, late: bool) -> None:
        self._late = late
        self._seen: dict[str, Tensor] = {}
        self._pending: tuple[Readings, Callable[[], None]] | None = None

    def inspect(self, step: int, rho: Tensor, **quantities: Tensor) -> None:
        """Look at numbers that must be finite."""
        if self._late:
            self._seen |= quantities
        else:
            _raise_if_diverged(step, rho, quantities, [float(x) for x in quantities.values()])

    def inspect_reuse(self, unchanged: Tensor) -> None:
        """Look at a bool scalar of the device that says whether a gradient could be reused."""
        self._seen[STALE] = torch.where(unchanged, 0.0, torch.nan)

    def end_step(self, step: int, rho: Tensor, undo: Callable[[], None]) -> None:
        """Step `step` is queued: send its numbers, and hear the verdict on the step before."""
        if not self._late:
            return
        readings, self._seen = Readings(step, rho, self._seen), {}
        self.settle()
        self._pending = readings, undo

    def settle(self) -> None:
        """Wait for the verdict that is still out; if it is divergence, undo that step and raise."""
        self._seen = {}
        if self._pending is None:
            return
        (readings, undo), self._pending = self._pending, None
        try:
            readings.raise_if_diverged()
        except (DivergenceError, StaleGradientError):
            undo()
            raise

    def forget(self) -> None:
        """Drop the verdict that is still out."""
        self._seen, self._pending = {}, None


def _raise_if_diverged(step: int, rho: float | Tensor, names: Iterable[str], values: list[float]) -> None:
    if all(map(isfinite, values)):
        return
    told = dict(zip(names, values, strict=True))
    if not isfinite(told.pop(STALE, 0.0)):
        raise StaleGradientError(step)
    raise DivergenceError(step, float(rho), {name.replace("_", " "): value for name, value in told.items()})
