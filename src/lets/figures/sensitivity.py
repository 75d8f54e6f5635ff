"""A metric over one hyper-parameter, a line per method (Figure 1)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from lets.config.labels import field_title
from lets.config.matrix import Matrix
from lets.config.messages import Location, Problem
from lets.config.selection import RunMetric, values_of
from lets.figures.figure import Figure
from lets.figures.series import Point, Series, caption, mean_over_seeds, with_runs, xs
from lets.figures.styles import look_of
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Records, in_order, repeats

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes


class Sensitivity(Figure):
    """A metric over one hyper-parameter, a line per method (Figure 1)."""

    kind: Literal["sensitivity"]
    x: str = Field(examples=["rho"])
    metric: RunMetric = "test_accuracy"

    axes: ClassVar[tuple[str, ...]] = ("x",)

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield values that are no numbers to draw along."""
        words = [
            value for value in values_of(self.chosen(matrix), self.x) if isinstance(value, bool | str | list)
        ]
        if words:
            reason = f"its value {words[0]!r} is no number to draw along"
            yield (*at, "x"), f"{self.x!r} – {reason} – write  x: rho"

    def numbers(self, records: Records) -> Series:
        """Return the metric over the hyper-parameter; a method without it has one point whose x is None."""
        outcomes = records.shown(self)
        groups = repeats(outcomes, ("method", self.x))
        points = []
        for method, x in sorted(in_order(groups), key=lambda key: key[1] or 0.0):
            points.append(Point(None, method, x, mean_over_seeds(groups[method, x], self.metric)))
        order = list(dict.fromkeys(run.spec.method for run in outcomes))
        points.sort(key=lambda point: order.index(point.method))
        return Series("", self.x, with_runs(points), tuple(outcomes))

    def caption(self, numbers: Series) -> str:
        """Return what a point and its bar are."""
        return caption(numbers, "± 1 sample standard deviation")

    def draw(self, numbers: Series) -> "matplotlib.figure.Figure":
        """Draw one panel, logarithmic if it can be; a method without the hyper-parameter is a level line."""
        from lets.figures.canvas import legend_above, panels

        figure, (axes,) = panels(1, width=1.7)
        for method in numbers.methods:
            _line(axes, numbers.of(None, method))
        _ticks(axes, sorted(set(xs(numbers.points))))
        axes.set_xlabel(field_title(self.x, numbers.methods))
        axes.set_ylabel(QUANTITIES[self.metric].label)
        legend_above(figure, [axes])
        return figure


def _ticks(axes: "Axes", places: Sequence[float]) -> None:
    if places and places[0] > 0:
        axes.set_xscale("log")
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.minorticks_off()


def _line(axes: "Axes", points: list[Point]) -> None:
    if points[0].x is None:
        _level(axes, points[0])
    else:
        _error_bars(axes, points)


def _error_bars(axes: "Axes", points: list[Point]) -> None:
    x, mean = xs(points), [point.summary.mean for point in points]
    spread = [point.summary.sd for point in points]
    axes.errorbar(x, mean, yerr=spread, capsize=2.5, elinewidth=0.9, **look_of(points[0].method))


def _level(axes: "Axes", point: Point) -> None:
    look = look_of(point.method) | {"marker": "", "linestyle": ":"}
    axes.axhline(point.summary.mean, **look)
