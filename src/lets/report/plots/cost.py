"""What a method reaches over what a step of it costs, a panel per architecture or data set."""

from collections.abc import Sequence
from typing import Literal, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from lets.report.labels import value_title
from lets.report.pareto import Mark
from lets.report.plots.canvas import entitle, label_left, legend_above, look_of, panels
from lets.report.series import Point, Series
from lets.results import QUANTITIES

Placed = TypeVar("Placed", Point, Mark)
FRONT = "#b8b8b8"
APART = 0.11
"""passes between marks of equal cost"""


def draw_cost(series: Series, metric: str) -> Figure:
    """Draw a mark with its spread per method, and the stairs of those that nothing else beats in both."""
    names = series.panels
    figure, grid = panels(len(names), width=1.7 if len(names) == 1 else 1.0)
    quantity = QUANTITIES[metric]
    for panel, axes in zip(names, grid, strict=True):
        if points := [point for point in series.points if point.panel == panel]:
            stairs(axes, front(points, quantity.better))
            for point, place in zip(points, side_by_side([point.x or 0.0 for point in points]), strict=True):
                _mark(axes, point, place)
        entitle(axes, value_title(series.panel_field, panel))
        axes.set_xlabel("Passes per step")
        axes.xaxis.set_major_locator(MultipleLocator(1))
        axes.margins(x=0.12)
    label_left(grid, quantity.label)
    legend_above(figure, grid)
    return figure


def front(points: Sequence[Placed], better: Literal["higher", "lower"] | None) -> list[Placed]:
    """Return the points, from the cheapest, that no other is as cheap and better than; none of a neutral metric."""
    sign = {"higher": 1, "lower": -1, None: 0}[better]
    kept: list[Placed] = []
    for point in sorted(points, key=lambda one: (one.x or 0.0, -sign * one.summary.mean)):
        if sign and (not kept or sign * point.summary.mean > sign * kept[-1].summary.mean):
            kept.append(point)
    return kept


def side_by_side(costs: Sequence[float]) -> list[float]:
    """Return where to draw them: those that would lie on one another are moved apart, around their cost."""
    places = []
    for index, cost in enumerate(costs):
        level = [other for other, one in enumerate(costs) if abs(one - cost) < APART / 2]
        places.append(cost + APART * (level.index(index) - (len(level) - 1) / 2))
    return places


def stairs(axes: Axes, points: Sequence[Point | Mark]) -> None:
    """Draw them up to the next one's cost: what can be had for so many passes."""
    if len(points) > 1:
        x, y = [point.x or 0.0 for point in points], [point.summary.mean for point in points]
        axes.step(x, y, where="post", color=FRONT, linewidth=1.6, zorder=1)


def _mark(axes: Axes, point: Point, place: float) -> None:
    look = look_of(point.method) | {"linestyle": "", "markersize": 4.4}
    spread = point.summary.sd if point.summary.n > 1 else None
    axes.errorbar(place, point.summary.mean, yerr=spread, capsize=2, elinewidth=0.8, **look)
