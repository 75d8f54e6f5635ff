"""A metric over the passes that a step takes, a mark per method, a panel per value of one field."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar, Literal

from lets.config.labels import value_title
from lets.config.selection import RunMetric, Selection, read_for
from lets.figures.figure import Figure
from lets.figures.front import front, stairs
from lets.figures.series import Point, Series, caption, series_by_panel
from lets.figures.styles import look_of
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Outcome, Records, repeats

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes


APART = 0.11
"""passes between marks of equal cost"""


class Cost(Figure):
    """A metric over the passes that a step takes, a mark per method, a panel per value of one field."""

    kind: Literal["cost"]
    metric: RunMetric = "test_accuracy"
    panels: str = "architecture"

    axes: ClassVar[tuple[str, ...]] = ("panels",)

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return that passes are shown besides."""
        return frozenset({read_for(self.metric), "passes"})

    def numbers(self, records: Records) -> Series:
        """Return the metric of every method in every panel over the passes of a step, both means over seeds."""
        bars = series_by_panel(records.shown(self), self.panels, self.metric)
        groups = repeats(bars.runs, (self.panels, "method"))
        points = [replace(one, x=_passes_per_step(groups[one.panel, one.method])) for one in bars.points]
        return replace(bars, x="passes_per_step", points=tuple(points))

    def caption(self, numbers: Series) -> str:
        """Return what a mark is, and the stairs."""
        return (
            f"{caption(numbers, '± 1 sample standard deviation')}; marks of equal cost stand side by side; "
            "grey stairs: no other method is as cheap and better"
        )

    def draw(self, numbers: Series) -> "matplotlib.figure.Figure":
        """Draw a mark with its spread per method, and the stairs of those that nothing else beats in both."""
        from lets.figures.canvas import entitle, label_left, legend_above, panels, whole_ticks

        names, quantity = numbers.panels, QUANTITIES[self.metric]
        figure, grid = panels(len(names), width=1.7 if len(names) == 1 else 1.0)
        for panel, axes in zip(names, grid, strict=True):
            points = [point for point in numbers.points if point.panel == panel]
            stairs(axes, front(points, quantity.better))
            for point, place in zip(points, side_by_side([point.x or 0.0 for point in points]), strict=True):
                _mark(axes, point, place)
            entitle(axes, value_title(self.panels, panel))
            axes.set_xlabel("Passes per step")
            whole_ticks(axes)
            axes.margins(x=0.12)
        label_left(grid, quantity.label)
        legend_above(figure, grid)
        return figure


def _passes_per_step(runs: Sequence[Outcome]) -> float:
    finished = [run.metrics for run in runs if run.state == "finished" and run.metrics]
    return fmean(metrics.passes / metrics.steps for metrics in finished)


def side_by_side(costs: Sequence[float]) -> list[float]:
    """Return where to draw them: those that would lie on one another are moved apart, around their cost."""
    places = []
    for index, cost in enumerate(costs):
        level = [other for other, one in enumerate(costs) if abs(one - cost) < APART / 2]
        places.append(cost + APART * (level.index(index) - (len(level) - 1) / 2))
    return places


def _mark(axes: "Axes", point: Point, place: float) -> None:
    look = look_of(point.method) | {"linestyle": "", "markersize": 4.4}
    spread = point.summary.sd if point.summary.n > 1 else None
    axes.errorbar(place, point.summary.mean, yerr=spread, capsize=2, elinewidth=0.8, **look)
