"""What an architecture costs: its parameters, and the arithmetic of one sample. Imports no torch for what is kept."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Cost", "cost", "costs_text", "kept_costs"]

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
    if kept := kept_costs().get((name, classes, image)):
        return kept
    from lets.models.counting import count

    return Cost(*count(name, classes, image))


@cache
def kept_costs() -> dict[Shape, Cost]:
    """Read costs.csv."""
    rows = csv.DictReader((files("lets.models") / "costs.csv").read_text().splitlines())
    return {_shape(row): Cost(int(row["parameters"]), int(row["flops"])) for row in rows}


def costs_text(shapes: Iterable[Shape]) -> str:
    """Count every shape; return them as costs.csv keeps them."""
    from lets.models.counting import count

    lines = ["architecture,classes,image,parameters,flops"]
    for name, classes, image in shapes:
        parameters, flops = count(name, classes, image)
        lines.append(f"{name},{classes},{'x'.join(map(str, image))},{parameters},{flops}")
    return "\n".join(lines) + "\n"


def _shape(row: dict[str, str]) -> Shape:
    return row["architecture"], int(row["classes"]), tuple(map(int, row["image"].split("x")))
