"""What an architecture costs: its parameters, and the arithmetic of one image."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from lets.models.build import create

__all__ = ["Cost", "cost"]


@dataclass(frozen=True)
class Cost:
    """`parameters`: how many weights are trained; `flops`: floating-point operations of one image, forward.

    A multiply-add is two operations; convolutions, matrix products and attention count, the element-wise
    rest is left out.
    """

    parameters: int
    flops: int


def cost(name: str, classes: int, image: tuple[int, ...]) -> Cost:
    """Count one architecture on images of this shape (channels, height, width); nothing is allocated.

    Raises SpecError like `create`. On torch's meta device attention is made of plain matrix products,
    which are counted; the fused kernel of a CPU would not be.
    """
    with torch.device("meta"):
        network, images = create(name, classes, image), torch.empty(1, *image)
    with FlopCounterMode(display=False) as counter:
        network.eval()(images)
    return Cost(sum(weight.numel() for weight in network.parameters()), counter.get_total_flops())
