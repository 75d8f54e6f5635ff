"""BatchNorm's running averages: which passes may touch them.

The averages belong to the pass at theta_t. The other passes use batch statistics too, but leave every buffer
alone bit for bit, `num_batches_tracked` included; momentum 0 would still count the batch.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def updating(modules: Iterable[nn.Module]) -> list[_BatchNorm]:
    """The modules whose running averages a forward pass would update."""
    # In eval mode nothing is updated, and switching the flag off would not change that.
    return [m for m in modules if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]


def buffers(modules: Iterable[_BatchNorm]) -> list[Tensor]:
    """The running averages of `modules`, and how many batches they have seen."""
    return [b for m in modules for b in m._buffers.values() if b is not None]


@contextmanager
def frozen(modules: Iterable[_BatchNorm]) -> Iterator[None]:
    """No running average of `modules` changes."""
    # An attribute like any other; set the usual way, nn.Module first looks for it among all that it holds.
    for module in modules:
        vars(module)["track_running_stats"] = False
    try:
        yield
    finally:
        for module in modules:
            vars(module)["track_running_stats"] = True


@contextmanager
def recorded(live: list[Tensor]) -> Iterator[list[Tensor]]:
    """The buffers `live` do not change, but what they would have become is left in the yielded list.

    A later step that reuses the pass as its own first pass copies the list into the buffers: the same bytes
    as if the pass had been made then.
    """
    before, after = copied(live), list[Tensor]()
    try:
        yield after
        after.extend(copied(live))
    finally:
        write(live, before)


def copied(live: list[Tensor]) -> list[Tensor]:
    """A copy of the buffers."""
    return [b.clone() for b in live]


@torch.no_grad()
def write(live: list[Tensor], values: list[Tensor]) -> None:
    """Copy `values` into the buffers `live`."""
    if live:
        torch._foreach_copy_(live, values)
