"""What an architecture costs: its parameters, and the arithmetic of one image."""

from dataclasses import dataclass
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from lets.models.build import create
from lets.models.catalogue import describe

__all__ = ["PAIR", "TOKENS", "Cost", "cost"]

TOKENS = 128
"""a text for which the cost is told: about the longest of most tasks of GLUE"""

PAIR = (25, 25)
"""tokens of the sentence pair for which that of a translation is told: about the mean of IWSLT'14"""


@dataclass(frozen=True)
class Cost:
    """`parameters`: how many weights are trained; `flops`: floating-point operations of one image, forward.

    A multiply-add is two operations; convolutions, matrix products and attention count, the element-wise
    rest is left out.
    """

    parameters: int
    flops: int


@cache
def cost(name: str, classes: int, image: tuple[int, ...]) -> Cost:
    """Count one architecture on images of this shape (channels, height, width); nothing is allocated.

    Where `image` is (tokens of the vocabulary,) it reads a text of TOKENS tokens instead of an image, or to
    translate it a PAIR. Raises SpecError like `create`. On torch's meta device attention is made of plain
    matrix products, which are counted; the fused kernel of a CPU would not be.
    """
    with torch.device("meta"):
        network, inputs = create(name, classes, image), _inputs(name, image)
    with FlopCounterMode(display=False) as counter:
        network.eval()(*inputs)
    return Cost(sum(weight.numel() for weight in network.parameters()), counter.get_total_flops())


def _inputs(name: str, image: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    if len(image) > 1:
        return (torch.empty(1, *image),)
    lengths = (TOKENS,) if describe(name).classes else PAIR
    return tuple(torch.zeros(1, length, dtype=torch.int64) for length in lengths)
