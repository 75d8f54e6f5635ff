"""Autocast around a step: it is for the forward, and its cache of cast weights is for weights that stay."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

Region = tuple[str, torch.dtype, bool]
"""type of device, precision, whether cast weights are cached"""


def state(device: torch.device) -> list[Region]:
    """The regions that are entered now, of the CPU and of `device`."""
    kinds = dict.fromkeys(("cpu", device.type))
    return [
        (kind, torch.get_autocast_dtype(kind), torch.is_autocast_cache_enabled())
        for kind in kinds
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    ]


@contextmanager
def left(device: torch.device) -> Iterator[list[Region]]:
    """Outside of all regions; yields them. No weight that was cast inside is found in the cache afterwards."""
    regions = state(device)
    with ExitStack() as stack:
        for kind, _, _ in regions:
            stack.enter_context(torch.autocast(kind, enabled=False))
        try:
            yield regions
        finally:
            torch.clear_autocast_cache()


@contextmanager
def entered(regions: list[Region]) -> Iterator[None]:
    """Inside of `regions` again, with an empty cache: the weights may have moved since it was filled.

    Also without a region, because torch empties the cache at the end of the outermost one only, even if that one is
    switched off.
    """
    with ExitStack() as stack:
        for kind, dtype, cached in regions:
            stack.enter_context(torch.autocast(kind, dtype, cache_enabled=cached))
        torch.clear_autocast_cache()
        yield
