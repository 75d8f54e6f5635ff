"""Means over seeds over a hyper-parameter; radii that are learned as arrows from where they start to where they end."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import geometric_mean
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from lets.config.labels import field_title, value_title
from lets.config.matrix import Matrix
from lets.config.messages import Location, Problem
from lets.config.selection import RunMetric, Selection, values_of
from lets.figures.figure import Figure
from lets.figures.series import Point, Series, caption, mean_over_seeds, with_runs, xs
from lets.figures.styles import look_of
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Outcome, Records, in_order, repeats
from lets.tables.baselines import against_fixed, answers_of
from lets.tables.learned import not_learned
from lets.tables.notes import Answer

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes


class Sensitivity(Figure):
    """A metric over one hyper-parameter, a line per method (Figure 1)."""

    kind: Literal["sensitivity"]
    x: str = Field(examples=["rho"])
    metric: RunMetric = "test_accuracy"
    learned: bool = False
    """of x: rho: learned radii are arrows from start to end, and every base method has a panel"""

    axes: ClassVar[tuple[str, ...]] = ("x",)

    def grouped_by(self) -> tuple[str, ...]:
        """Return a line and the points of it."""
        return ("method", self.x)

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield values that are no numbers to draw along, and what is learned but no radius."""
        words = [
            value for value in values_of(self.chosen(matrix), self.x) if isinstance(value, bool | str | list)
        ]
        if words:
            reason = f"its value {words[0]!r} is no number to draw along"
            yield (*at, "x"), f"{self.x!r} – {reason} – write  x: rho"
        elif self.learned and self.x != "rho":
            yield (*at, "x"), f"{self.x!r} with learned: true – only a radius is learned – write  x: rho"

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return that radii are shown besides, where they are."""
        return super().reads(tables) | ({"radius"} if self.learned else set())

    def numbers(self, records: Records) -> Series:
        """Return the metric over the hyper-parameter; a method without it has one point whose x is None."""
        outcomes = records.shown(self)
        groups = repeats(outcomes, self.grouped_by())
        points = []
        for method, x in sorted(in_order(groups), key=lambda key: key[1] or 0.0):
            runs = groups[method, x]
            end = _end(runs) if self.learned and method.startswith("lets-") else None
            points.append(Point(None, method, x, mean_over_seeds(runs, self.metric), end))
        order = list(dict.fromkeys(run.spec.method for run in outcomes))
        points.sort(key=lambda point: order.index(point.method))
        return Series("", self.x, with_runs(points), tuple(outcomes))

    def answers(self, records: Records) -> list[Answer]:
        """Return how learned radii did against the best fixed one, where both are drawn over the radius."""
        comparable = self.x == "rho" and not any(not_learned((), self, records.matrix))
        return answers_of(against_fixed(self, self.metric, records)) if comparable else []

    def caption(self, numbers: Series) -> str:
        """Return what a point and its bar are, and an arrow."""
        arrows = "; arrows: learned radii from start to end, geometric means" if self.learned else ""
        return caption(numbers, "± 1 sample standard deviation") + arrows

    def draw(self, numbers: Series) -> "matplotlib.figure.Figure":
        """Draw one panel, logarithmic if it can be; a method without the hyper-parameter is a level line."""
        from lets.figures.canvas import entitle, label_left, legend_above, panels

        bases = (_bases(numbers) if self.learned else []) or [""]
        one = len(bases) == 1
        figure, grid = panels(len(bases), width=1.7 if one else 1.0, height=1.0 if one else 1.2, sharey=True)
        for base, axes in zip(bases, grid, strict=True):
            methods = [name for name in numbers.methods if not base or _base_of(numbers, name) in (base, "")]
            for method in methods:
                _draw_line(axes, numbers.of(None, method))
            _ticks(axes, sorted(set(xs(numbers.points))), every=not self.learned)
            axes.set_xlabel(field_title(self.x, methods))
            if not one:
                entitle(axes, value_title("method", base))
        label_left(grid, QUANTITIES[self.metric].label)
        legend_above(figure, grid)
        return figure


def _end(runs: Sequence[Outcome]) -> float | None:
    """Return the mean of the radii that the finished runs ended with, on the scale they are learned on."""
    ends = [end for run in runs if (end := run.value("rho")) is not None]
    return geometric_mean(ends) if ends else None


def _bases(numbers: Series) -> list[str]:
    """Return the methods with a radius, without those that learn the radius of another."""
    return list(dict.fromkeys(base for name in numbers.methods if (base := _base_of(numbers, name))))


def _base_of(numbers: Series, method: str) -> str:
    """Return the method whose radius it is; nothing of one without."""
    return method.removeprefix("lets-") if xs(numbers.of(None, method)) else ""


def _ticks(axes: "Axes", places: Sequence[float], every: bool) -> None:
    """Let a logarithmic axis have a tick at every place, or at powers of ten."""
    from lets.figures.canvas import powers_of_ten

    if places and places[0] > 0:
        axes.set_xscale("log")
        if every:
            axes.set_xticks(places, [f"{place:g}" for place in places])
            axes.minorticks_off()
        else:
            powers_of_ten(axes)


def _draw_line(axes: "Axes", points: list[Point]) -> None:
    if points[0].x is None:
        _level(axes, points[0])
    elif points[0].end is not None:
        _arrows(axes, points)
    else:
        _error_bars(axes, points)


def _error_bars(axes: "Axes", points: list[Point]) -> None:
    x, mean = xs(points), [point.summary.mean for point in points]
    spread = [point.summary.sd for point in points]
    axes.errorbar(x, mean, yerr=spread, capsize=2.5, elinewidth=0.9, **look_of(points[0].method))


def _arrows(axes: "Axes", points: list[Point]) -> None:
    """Draw each at the height of its metric: a ring at the start, and a mark with its spread at the end."""
    look = look_of(points[0].method) | {"linestyle": "", "capsize": 2.5, "elinewidth": 0.9}
    arrow = {"color": look["color"], "arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 2.5, "mutation_scale": 7}
    for point in points:
        if point.x is not None and point.end is not None:
            mean = point.summary.mean
            axes.annotate("", (point.end, mean), (point.x, mean), arrowprops=arrow)
            axes.plot(point.x, mean, "o", color=look["color"], markersize=3, markerfacecolor="white")
            axes.errorbar(point.end, mean, yerr=point.summary.sd, **look)


def _level(axes: "Axes", point: Point) -> None:
    look = look_of(point.method) | {"marker": "", "linestyle": ":"}
    axes.axhline(point.summary.mean, **look)
