"""Count an architecture: build it without memory on torch's meta device, and add up the arithmetic of one sample."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from lets.models.build import create
from lets.models.catalogue import PAIR, TOKENS, describe

__all__ = ["count"]


def count(name: str, classes: int, image: tuple[int, ...]) -> tuple[int, int]:
    """Return (parameters, flops) of one architecture on images or texts of this shape; nothing is allocated.

    `lets.models.cost` says what they are. Raises SpecError like `create`. On torch's meta device attention is
    made of plain matrix products, which are counted; the fused kernel of a CPU would not be.
    """
    with torch.device("meta"):
        network, inputs = create(name, classes, image), _inputs(name, image)
    with FlopCounterMode(display=False) as counter:
        network.eval()(*inputs)
    return sum(weight.numel() for weight in network.parameters()), counter.get_total_flops()


def _inputs(name: str, image: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    if len(image) > 1:
        return (torch.empty(1, *image),)
    lengths = (TOKENS,) if describe(name).classes else PAIR
    return tuple(torch.zeros(1, length, dtype=torch.int64) for length in lengths)
