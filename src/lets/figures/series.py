"""Means over seeds: what their figures share; over epochs (`curves`), and as a dot per method (`dots`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lets.config.labels import address, field_title, value_title
from lets.config.selection import EpochMetric, RunMetric, Selection
from lets.errors import RecordError
from lets.figures.dots import DotRow, draw_rows
from lets.figures.figure import Figure
from lets.figures.styles import look_of, look_of_value
from lets.runs.history import HistoryRow
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Outcome, Records, in_order, repeats
from lets.stats.summary import Summary
from lets.tables.notes import seeds_note
from lets.tables.table import Csv, Record

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes

EQUALS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"
EVIDENCE = {"rho": "radius", "lr": "schedule", "loss": "loss"}
"""metric → what it is of `Selection.reads`, if not a number of an epoch"""
History = tuple[Outcome, list[HistoryRow]]


@dataclass(frozen=True)
class Point:
    """The mean of one method at one place; `x` is None where the figure has no horizontal number."""

    panel: object
    method: str
    x: float | None
    summary: Summary
    end: float | None = None
    """where a radius ended that was learned from `x`, if that is drawn"""


@dataclass(frozen=True)
class Series:
    """What is drawn, and every run it was asked to be drawn from.

    `panel_field` is empty where there is one panel; `x` names the horizontal axis, empty for dots.
    """

    panel_field: str
    x: str
    points: tuple[Point, ...]
    runs: tuple[Outcome, ...]

    @property
    def panels(self) -> list[object]:
        """The panels in the order of the params file, also those without a finished run."""
        return (
            list(dict.fromkeys(run.field(self.panel_field) for run in self.runs))
            if self.panel_field
            else [None]
        )

    @property
    def methods(self) -> list[str]:
        """The methods, in order of first appearance."""
        return list(dict.fromkeys(point.method for point in self.points))

    def of(self, panel: object, method: str) -> list[Point]:
        """Return the points of one line."""
        return [point for point in self.points if (point.panel, point.method) == (panel, method)]

    def csv(self) -> Csv:
        """Return exactly the numbers drawn."""
        panel, x = [f"panel.{self.panel_field}"] * bool(self.panel_field), [f"x.{self.x}"] * bool(self.x)
        end = [f"end.{self.x}"] * self._ends
        records = [self._record(point) for point in self.points]
        return Csv([*panel, "method", *x, *end, "mean", "sd", "n"], records)

    @property
    def _ends(self) -> bool:
        return any(point.end is not None for point in self.points)

    def _record(self, point: Point) -> Record:
        place = [point.panel] * bool(self.panel_field) + [point.method] + [point.x] * bool(self.x)
        place += [point.end] * self._ends
        numbers = (point.summary.mean, point.summary.sd, point.summary.n)
        field, value = (self.panel_field, point.panel) if self.panel_field else (self.x, point.x)
        return Record([*place, *numbers], address(("method", field), (point.method, value)))


Line = tuple[dict[str, Any], list[Point]]
"""how a line is drawn, and its points"""


def series_by_panel(outcomes: Sequence[Outcome], panels: str, metric: str) -> Series:
    """Return the metric of every method in every panel, a point each."""
    groups = repeats(outcomes, (panels, "method"))
    points = (
        Point(panel, method, None, mean_over_seeds(groups[panel, method], metric))
        for panel, method in in_order(groups)
    )
    return Series(panels, "", with_runs(points), tuple(outcomes))


def mean_over_seeds(runs: Sequence[Outcome], metric: str) -> Summary:
    """Summarise the metric of those runs that have it."""
    return Summary.of([value for run in runs if (value := run.value(metric)) is not None])


def with_runs(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return the points behind which there is a finished run."""
    return tuple(point for point in points if point.summary.n)


def xs(points: Iterable[Point]) -> list[float]:
    """Return where points stand, those that stand somewhere."""
    return [point.x for point in points if point.x is not None]


def caption(series: Series, spread: str) -> str:
    """Return what a point is: a mean over how many seeds, and what its spread is."""
    return seeds_note((point.summary.n for point in series.points), spread)


class Curves(Figure):
    """A metric over epochs, a line per method, a panel per value of one field (Figures 2, 6, 7, 9).

    Of a field of numbers, as initial radii are, it is the other way round: a line per value, a panel per method.
    """

    kind: Literal["curves"]
    metric: EpochMetric
    panels: str = "architecture"

    axes: ClassVar[tuple[str, ...]] = ("panels",)

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return what of its epochs a run is shown with."""
        return frozenset({EVIDENCE.get(self.metric, "course")})

    def grouped_by(self) -> tuple[str, ...]:
        """Return panels, and the methods in them."""
        return (self.panels, "method")

    def numbers(self, records: Records) -> Series:
        """Return the metric of every epoch, averaged over the finished runs of a method."""
        histories = [_history(outcome) for outcome in records.shown(self)]
        groups = repeats((outcome for outcome, _ in histories), self.grouped_by())
        rows = {outcome.id: history for outcome, history in histories}
        points: list[Point] = []
        for panel, method in in_order(groups):
            finished = [rows[run.id] for run in groups[panel, method] if run.state == "finished"]
            for seeds in zip(*finished, strict=False):
                values = [float(getattr(row, self.metric)) for row in seeds]
                points.append(Point(panel, method, seeds[0].epoch, Summary.of(values)))
        return Series(self.panels, "epoch", tuple(points), tuple(outcome for outcome, _ in histories))

    def caption(self, numbers: Series) -> str:
        """Return what a line and its band are."""
        return caption(numbers, "± 1 sample standard deviation (band)")

    def draw(self, numbers: Series) -> "matplotlib.figure.Figure":
        """Draw means over seeds as lines, ± 1 sd as bands."""
        from lets.figures.canvas import entitle, epoch_ticks, label_left, legend_above, logarithmic, panels

        drawn = self._by_value(numbers) if _are_numbers(numbers.panels) else self._by_panel(numbers)
        figure, grid = panels(len(drawn), width=1.7 if len(drawn) == 1 else 1.0, sharex=False)
        for (title, lines), axes in zip(drawn.items(), grid, strict=True):
            for index, (look, points) in enumerate(lines):
                _band(axes, points, look, index / len(lines))
            entitle(axes, title)
            axes.set_xlabel("Epoch")
            epoch_ticks(axes, {x for _, points in lines for x in xs(points)})
        means = [point.summary.mean for point in numbers.points]
        if means and QUANTITIES[self.metric].positive and 0 < 10 * min(means) < max(means):
            logarithmic(grid, min(means), max(means))
        label_left(grid, QUANTITIES[self.metric].label)
        legend_above(figure, grid)
        return figure

    def _by_panel(self, numbers: Series) -> dict[str, list[Line]]:
        """Return title of a panel → the line of every method."""
        return {
            value_title(self.panels, panel): [
                (look_of(method), numbers.of(panel, method)) for method in numbers.methods
            ]
            for panel in numbers.panels
        }

    def _by_value(self, numbers: Series) -> dict[str, list[Line]]:
        """Return title of a method → the line of every value."""
        values, name = sorted(numbers.panels, key=float), field_title(self.panels, numbers.methods)  # type: ignore[arg-type]
        titles = [value_title(self.panels, value) for value in values]
        is_equal = EQUALS if all(map(str.isdecimal, "".join(titles).replace(".", ""))) else " "
        looks = [
            look_of_value(index / len(values), f"{name}{is_equal}{title}")
            for index, title in enumerate(titles)
        ]
        return {
            value_title("method", method): [
                (look, numbers.of(value, method)) for look, value in zip(looks, values, strict=True)
            ]
            for method in numbers.methods or [""]
        }


def _are_numbers(panels: Sequence[object]) -> bool:
    return len(panels) > 1 and all(isinstance(one, int | float) for one in panels)


def _history(outcome: Outcome) -> History:
    """Return a finished run with a damaged history as unreadable, so that it is named, not dropped."""
    if outcome.state != "finished":
        return outcome, []
    try:
        return outcome, outcome.record.history
    except RecordError as error:
        return replace(outcome, state="unreadable", reason=str(error)), []


def _band(axes: "Axes", points: list[Point], look: dict[str, Any], shift: float) -> None:
    """Draw one line; `shift` in [0, 1) staggers its markers, so that lines on top of each other show."""
    if not points:
        return
    every = max(1, len(points) // 5)
    x, mean = xs(points), [point.summary.mean for point in points]
    low = [point.summary.mean - point.summary.sd for point in points]
    high = [point.summary.mean + point.summary.sd for point in points]
    axes.plot(x, mean, markevery=(int(shift * every), every), **look)
    axes.fill_between(x, low, high, color=look["color"], alpha=0.16, linewidth=0)


class Dots(Figure):
    """A metric as a dot per method, a panel per value of one field (bars in Figures 3, 4)."""

    kind: Literal["dots"]
    metric: RunMetric = "test_accuracy"
    panels: str = "dataset"

    axes: ClassVar[tuple[str, ...]] = ("panels",)

    def grouped_by(self) -> tuple[str, ...]:
        """Return panels, and the methods in them."""
        return (self.panels, "method")

    def numbers(self, records: Records) -> Series:
        """Return the metric of every method in every panel."""
        return series_by_panel(records.shown(self), self.panels, self.metric)

    def caption(self, numbers: Series) -> str:
        """Return what a dot and its line are."""
        return caption(numbers, "± 1 sample standard deviation")

    def draw(self, numbers: Series) -> "matplotlib.figure.Figure":
        """Draw the panels; every dot carries its number."""
        quantity = QUANTITIES[self.metric]
        rows = [
            [_dot(point, quantity.decimals) for point in numbers.points if point.panel == panel]
            for panel in numbers.panels
        ]
        return draw_rows(rows, [value_title(self.panels, one) for one in numbers.panels], quantity.label)


def _dot(point: Point, decimals: int) -> DotRow:
    number = f"{point.summary.mean:.{decimals}f}"
    return DotRow.of(value_title("method", point.method), point.method, point.summary, number)
