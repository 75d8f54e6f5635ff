"""Autocast around a step: it is for the forward, and its cache of cast weights is for weights that stay."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import torch

Region = tuple[str, torch.dtype, bool]
"""type of device, precision, whether cast weights are cached"""


def regions_now(device: torch.device) -> list[Region]:
    """The regions that are entered now, of the CPU and of `device`."""
    kinds = dict.fromkeys(("cpu", device.type))
    return [
        (kind, torch.get_autocast_dtype(kind), torch.is_autocast_cache_enabled())
        for kind in kinds
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    ]


def left(regions: Sequence[Region]) -> AbstractContextManager[None]:
    """Outside of all `regions`."""
    return _entered([(kind, None, True) for kind, _, _ in regions]) if regions else _NOTHING


def entered(regions: Sequence[Region]) -> AbstractContextManager[None]:
    """Inside of `regions` again, with an empty cache: the weights may have moved since it was filled.

    Also without a region, because torch empties the cache at the end of the outermost one only, even if that one is
    switched off.
    """
    torch.clear_autocast_cache()
    return _entered(regions) if regions else _NOTHING


@contextmanager
def _entered(regions: Sequence[tuple[str, torch.dtype | None, bool]]) -> Iterator[None]:
    """A precision of None: outside of the regions of that device."""
    with ExitStack() as stack:
        for kind, dtype, cached in regions:
            stack.enter_context(torch.autocast(kind, dtype, dtype is not None, cached))
        yield


_NOTHING: AbstractContextManager[None] = nullcontext()
