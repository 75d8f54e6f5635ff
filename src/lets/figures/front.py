"""The front of cheap and good: what no other is as cheap and better than."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from lets.stats.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRONT = "#b8b8b8"


class Placed(Protocol):
    """Something with a cost `x` and a mean."""

    @property
    def x(self) -> float | None:
        """What it costs."""

    @property
    def summary(self) -> Summary:
        """What it reaches."""


One = TypeVar("One", bound=Placed)


def front(points: Sequence[One], better: Literal["higher", "lower"] | None) -> list[One]:
    """Return the points, from the cheapest, that no other is as cheap and better than; none of a neutral metric."""
    sign = {"higher": 1, "lower": -1, None: 0}[better]
    kept: list[One] = []
    for point in sorted(points, key=lambda one: (one.x or 0.0, -sign * one.summary.mean)):
        if sign and (not kept or sign * point.summary.mean > sign * kept[-1].summary.mean):
            kept.append(point)
    return kept


def stairs(axes: "Axes", points: Sequence[Placed]) -> None:
    """Draw them up to the next one's cost: what can be had for so many passes."""
    if len(points) > 1:
        x, y = [point.x or 0.0 for point in points], [point.summary.mean for point in points]
        axes.step(x, y, where="post", color=FRONT, linewidth=1.6, zorder=1)
