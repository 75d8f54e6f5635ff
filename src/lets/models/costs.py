"""What an architecture costs: its parameters, and the arithmetic of one sample. Imports no torch for what is kept."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lets.models.catalogue import PAIR, TOKENS, create, describe
from lets.own import is_own

if TYPE_CHECKING:
    import torch

__all__ = ["Cost", "cost", "costs_text", "count", "kept_costs"]

Shape = tuple[str, int, tuple[int, ...]]
"""(architecture, classes, image)"""


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
    """Return what one architecture costs on images of this shape (channels, height, width).

    Where `image` is (tokens of the vocabulary,) it reads a text of TOKENS tokens instead of an image, or to
    translate it a PAIR. The shapes of the catalogue were counted beforehand and are kept in costs.csv: building
    them anew takes seconds of imports. All others are counted here; raises SpecError like `create`.
    """
    return kept_costs().get((name, classes, image)) or count(name, classes, image)


def count(name: str, classes: int, image: tuple[int, ...]) -> Cost:
    """Build an architecture on torch's meta device, which allocates nothing, and count what `cost` tells.

    Raises SpecError like `create`. On the meta device attention is made of plain matrix products, which are counted;
    the fused kernel of a CPU would not be. A network of the user's own is tried on the CPU: not every
    one can be built on that device.
    """
    # Here, because what is kept is told without torch.
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from lets.models.own import tried

    if is_own(name):
        network, inputs = tried(name, classes, image), [torch.zeros(1, *image)]
    else:
        with torch.device("meta"):
            network, inputs = create(name, classes, image), _inputs(name, image)
    with FlopCounterMode(display=False) as counter:
        network.eval()(*inputs)
    parameters = sum(weight.numel() for weight in network.parameters())
    return Cost(parameters, counter.get_total_flops())


def _inputs(name: str, image: tuple[int, ...]) -> "list[torch.Tensor]":
    """What one sample is on torch's present device: an image, a text, or a pair of them."""
    import torch

    lengths = (TOKENS,) if describe(name).classes else PAIR
    if len(image) > 1:
        return [torch.empty(1, *image)]
    return [torch.zeros(1, length, dtype=torch.int64) for length in lengths]


@cache
def kept_costs() -> dict[Shape, Cost]:
    """Read costs.csv."""
    rows = csv.DictReader((files("lets.models") / "costs.csv").read_text().splitlines())
    return {_shape(row): Cost(int(row["parameters"]), int(row["flops"])) for row in rows}


def costs_text(shapes: Iterable[Shape]) -> str:
    """Count every shape; return them as costs.csv keeps them."""
    lines = ["architecture,classes,image,parameters,flops"]
    for name, classes, image in shapes:
        counted = count(name, classes, image)
        lines.append(f"{name},{classes},{'x'.join(map(str, image))},{counted.parameters},{counted.flops}")
    return "\n".join(lines) + "\n"


def _shape(row: dict[str, str]) -> Shape:
    return row["architecture"], int(row["classes"]), tuple(map(int, row["image"].split("x")))
