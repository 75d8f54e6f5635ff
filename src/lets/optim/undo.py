"""A step happens completely or not at all: copies of what it may change, and numbers that must be finite.

Divergence is noticed without making the host wait for a GPU. On the CPU a number is there when it is computed, so the
verdict is immediate. On a GPU the numbers of a step are copied to the host in the background and read when the next
step has been queued; by then the weights have moved on, so what undoes the step is kept until its verdict is in.

Buffers are changed by the pass at theta_t alone.
Every other pass leaves the buffers of modules alone, bit for bit:
BatchNorm's running averages and their counter, those of InstanceNorm, the vectors of spectral norm, observers, and
whatever else a forward changes or replaces. The other passes use batch statistics, too: torch's own BatchNorm is
told not to track them, and what other modules do to their buffers is undone after the pass.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves, tree_map

from .errors import DivergenceError, StaleGradientError
from .part import Part
from .sharded import local
from .vectors import Weights, copied


def modules_of(model: nn.Module) -> list[nn.Module]:
    """What `model.modules()` gives, in another order and a third of the time: every step asks."""
    found = {model: None}
    waiting = [model]
    while waiting:
        for module in waiting.pop()._modules.values():
            if module is not None and module not in found:
                found[module] = None
                waiting.append(module)
    return list(found)


class Buffers:
    """The buffers of `modules` as they are now: which tensors they are, and what numbers these hold.

    To be made and restored under `torch.no_grad()`.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        live = [m._buffers for m in modules]
        self._of = [(buffers, dict(buffers)) for buffers in live if buffers]
        self._without = [buffers for buffers in live if not buffers]
        self.tensors = _those_changeable(then for _, then in self._of)
        self.values = copied(self.tensors)

    def restore(self) -> None:
        """Put the same tensors back, and into them the same numbers."""
        for live, then in self._of:
            if len(live) != len(then) or not all(map(is_, live.values(), then.values())):
                for name in live.keys() - then.keys():
                    del live[name]
                for name, tensor in then.items():
                    live[name] = tensor
        for new in filter(None, self._without):
            new.clear()
        if self.tensors:
            # Through .data: nobody's graph is to notice that what it has saved was written again.
            torch._foreach_copy_([b.data for b in self.tensors], self.values)

    @contextmanager
    def preserved(self) -> Iterator[None]:
        """The buffers are these again afterwards."""
        try:
            yield
        finally:
            self.restore()


@contextmanager
def untouched(modules: Sequence[nn.Module]) -> Iterator[None]:
    """A pass in here leaves the buffers of `modules` as they are."""
    tracking = [m for m in modules if _only_tracks(m)]
    others = Buffers(set(modules).difference(tracking))
    for module in tracking:
        module.__dict__["track_running_stats"] = False  # Module.__setattr__ takes ten times as long
    try:
        yield
    finally:
        for module in tracking:
            module.__dict__["track_running_stats"] = True
        others.restore()


def _only_tracks(module: nn.Module) -> bool:
    """Whether the module changes its buffers nowhere but where torch's BatchNorm tracks statistics."""
    return (
        isinstance(module, _BatchNorm)
        and type(module).forward is _BatchNorm.forward
        and module.training
        and module.track_running_stats
        and not (module._forward_hooks or module._forward_pre_hooks)
    )


def _those_changeable(buffers: Iterable[Mapping[str, Tensor | None]]) -> list[Tensor]:
    found = [b for named in buffers for b in named.values() if b is not None]
    return [b for b in found if _can_change(b)]


def _can_change(buffer: Tensor) -> bool:
    if buffer.layout is not torch.strided or buffer.is_inference():
        return False
    return buffer.is_contiguous() or torch._debug_has_internal_overlap(buffer) != 1


class Snapshot:
    """Copies that take weights, buffers, base optimizer and the parts of a method back to where a step began.

    `parts` come with their states.
    """

    def __init__(
        self,
        weights: Weights,
        modules: Iterable[nn.Module],
        parts: Iterable[tuple[Part, dict[str, Any]]],
    ) -> None:
        self._theta = weights.values()
        self.buffers = Buffers(modules)
        self._parts = list(parts)
        self._optimizer: _OptimizerState | None = None

    @property
    def weights(self) -> list[Tensor]:
        """The weights where the step began, in the order of the parameters."""
        return self._theta.storage.views(self._theta.blocks)

    def include(self, optimizer: Optimizer) -> None:
        """Keep the state of the base optimizer too, which is about to step."""
        self._optimizer = _OptimizerState(optimizer)

    def end(self) -> None:
        """The step is complete; from now on others may change the settings of the base optimizer."""
        if self._optimizer is not None:
            self._optimizer.end()

    @torch.no_grad()
    def undo(self) -> None:
        """Put everything back, bit for bit, wherever the tensors lie now."""
        parameters, weights = self._theta.storage.parameters, self.weights
        for parameter, values in zip(parameters, weights, strict=True):
            if parameter.shape != values.shape:
                parameter.data = values.clone()
        torch._foreach_copy_(parameters, weights)
        self.buffers.restore()
        for part, state in self._parts:
            part.load_state_dict(state)
        if self._optimizer is not None:
            self._optimizer.restore()


class _OptimizerState:
    """What an optimizer remembers, and the settings of its groups."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._state, self._tensors = list[tuple[Any, Any]](), list[Tensor]()
        for key, state in optimizer.state.items():
            flat = _is_flat(state)
            self._state.append((key, state.copy() if flat else tree_map(_leaf, state)))
            leaves = state.values() if flat else tree_leaves(state)
            self._tensors += [x for x in leaves if isinstance(x, Tensor)]
        self._groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
        # The learning rate may be a tensor that a scheduler fills; any other is the optimizer's own.
        self._tensors += [
            v for group in self._groups for k, v in group.items() if k != "lr" and isinstance(v, Tensor)
        ]
        self._tensors = list(map(local, self._tensors))
        self._values = copied(self._tensors)

    def end(self) -> None:
        """Of the settings keep those that the optimizer changed itself: a scheduler may change the others."""
        groups = zip(self._optimizer.param_groups, self._groups, strict=True)
        self._groups = [{k: v for k, v in then.items() if now.get(k) is not v} for now, then in groups]

    def restore(self) -> None:
        """Put the same tensors back, with the same numbers."""
        if self._tensors:
            torch._foreach_copy_(self._tensors, self._values)
        self._optimizer.state.clear()
        self._optimizer.state.update(self._state)
        for group, values in zip(self._optimizer.param_groups, self._groups, strict=False):
            group.update(values)


def _is_flat(state: Any) -> bool:
    """Whether this is a dict of tensors and numbers, as most optimizers have it: no walk through a tree."""
    return type(state) is dict and _PLAIN.issuperset(map(type, state.values()))


_PLAIN = frozenset({Tensor, int, float, bool, type(None)})


def _leaf(leaf: Any) -> Any:
    return leaf


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
