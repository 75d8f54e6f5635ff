"""Buffers of modules belong to the pass at theta_t: every other pass leaves them alone, bit for bit.

BatchNorm's running averages and their counter, those of InstanceNorm, the vectors of spectral norm, observers, and
whatever else a forward changes or replaces. The other passes use batch statistics, too: torch's own BatchNorm is
told not to track them, and what other modules do to their buffers is undone after the pass.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from operator import is_

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .weights import copied


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
    def kept(self) -> Iterator[None]:
        """The buffers are these again afterwards."""
        try:
            yield
        finally:
            self.restore()

    def holding(self, values: list[Tensor]) -> "Buffers":
        """The same tensors with other numbers."""
        other = copy(self)
        other.values = values
        return other


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


def changeable(modules: Iterable[nn.Module]) -> list[Tensor]:
    """The buffers that a forward can write into: dense, no inference tensor, one number in one place."""
    return _those_changeable(m._buffers for m in modules)


def _those_changeable(buffers: Iterable[Mapping[str, Tensor | None]]) -> list[Tensor]:
    found = [b for named in buffers for b in named.values() if b is not None]
    return [b for b in found if _can_change(b)]


def _can_change(buffer: Tensor) -> bool:
    if buffer.layout is not torch.strided or buffer.is_inference():
        return False
    return buffer.is_contiguous() or torch._debug_has_internal_overlap(buffer) != 1
