"""Means over seeds, a point at a time: what sensitivity, curve, bar and cost figures draw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lets.config.labels import address
from lets.runs.outcomes import Outcome, in_order, repeats
from lets.stats.summary import Summary
from lets.tables.notes import seeds_note
from lets.tables.table import Csv, Record


@dataclass(frozen=True)
class Point:
    """The mean of one method at one place; `x` is None where the figure has no horizontal number."""

    panel: object
    method: str
    x: float | None
    summary: Summary


@dataclass(frozen=True)
class Series:
    """What is drawn, and every run it was asked to be drawn from.

    `panel_field` is empty where there is one panel; `x` names the horizontal axis, empty for bars.
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
        return Csv([*panel, "method", *x, "mean", "sd", "n"], [self._record(point) for point in self.points])

    def _record(self, point: Point) -> Record:
        place = [point.panel] * bool(self.panel_field) + [point.method] + [point.x] * bool(self.x)
        numbers = (point.summary.mean, point.summary.sd, point.summary.n)
        field, value = (self.panel_field, point.panel) if self.panel_field else (self.x, point.x)
        return Record([*place, *numbers], address(("method", field), (point.method, value)))


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
