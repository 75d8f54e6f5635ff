"""BatchNorm's running averages: which passes may touch them.

The averages belong to the pass at theta_t. The other passes use batch statistics too, but leave every buffer
alone bit for bit, `num_batches_tracked` included; momentum 0 would still count the batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def _updating(model: nn.Module) -> list[_BatchNorm]:
    # In eval mode nothing is updated, and switching the flag off would not change that.
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]


def buffers(model: nn.Module) -> list[Tensor]:
    """The running averages that a forward pass would update."""
    return [b for m in _updating(model) for b in m.buffers(recurse=False)]


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No running average changes."""
    modules = _updating(model)
    for module in modules:
        module.track_running_stats = False
    try:
        yield
    finally:
        for module in modules:
            module.track_running_stats = True


@contextmanager
def recorded(model: nn.Module) -> Iterator[list[Tensor]]:
    """No running average changes, but what they would have become is left in the yielded list.

    A later step that reuses the pass as its own first pass copies the list into the buffers: the same bytes
    as if the pass had been made then.
    """
    live = buffers(model)
    before, after = [b.clone() for b in live], list[Tensor]()
    try:
        yield after
        after.extend(b.clone() for b in live)
    finally:
        write(live, before)


@torch.no_grad()
def write(live: list[Tensor], values: list[Tensor]) -> None:
    """Copy `values` into the buffers `live`."""
    if live:
        torch._foreach_copy_(live, values)
