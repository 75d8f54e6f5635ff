"""The numbers of sensitivity, curve, bar and cost figures: means over seeds, a point at a time."""

from dataclasses import dataclass, replace
from statistics import fmean

from lets.errors import RecordError
from lets.records import RunRecord
from lets.records.history import HistoryRow
from lets.report.tidy import csv_text
from lets.results import Outcome, Summary, read_outcome
from lets.results.repeats import in_order, repeats
from lets.spec import Layout, Matrix
from lets.spec.params import Bars, Cost, Curves, Sensitivity

History = tuple[Outcome, list[HistoryRow]]


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

    def csv(self) -> str:
        """Return exactly the numbers drawn."""
        header = (
            [f"panel.{self.panel_field}"] * bool(self.panel_field)
            + ["method"]
            + [f"x.{self.x}"] * bool(self.x)
        )
        lines = []
        for point in self.points:
            place = [point.panel] * bool(self.panel_field) + [point.method] + [point.x] * bool(self.x)
            lines.append([*place, point.summary.mean, point.summary.sd, point.summary.n])
        return csv_text([*header, "mean", "sd", "n"], lines)


def sensitivity_series(figure: Sensitivity, matrix: Matrix, layout: Layout) -> Series:
    """Return the metric over a hyper-parameter; a method without it has one point whose x is None."""
    outcomes = [read_outcome(spec, layout) for spec in matrix.select(figure)]
    groups = repeats(outcomes, ("method", figure.x))
    points = []
    for method, x in sorted(in_order(groups), key=lambda key: key[1] or 0.0):
        points.append(Point(None, method, x, _summary(groups[method, x], figure.metric)))
    order = list(dict.fromkeys(run.spec.method for run in outcomes))
    points.sort(key=lambda point: order.index(point.method))
    return Series("", figure.x, _drawn(points), tuple(outcomes))


def bar_series(figure: Bars | Cost, matrix: Matrix, layout: Layout) -> Series:
    """Return the metric of every method in every panel."""
    outcomes = [read_outcome(spec, layout) for spec in matrix.select(figure)]
    groups = repeats(outcomes, (figure.panels, "method"))
    points = [
        Point(panel, method, None, _summary(groups[panel, method], figure.metric))
        for panel, method in in_order(groups)
    ]
    return Series(figure.panels, "", _drawn(points), tuple(outcomes))


def cost_series(figure: Cost, matrix: Matrix, layout: Layout) -> Series:
    """Return the metric of every method in every panel over the passes of a step, both means over seeds."""
    bars = bar_series(figure, matrix, layout)
    groups = repeats(bars.runs, (figure.panels, "method"))
    points = [replace(one, x=_passes_per_step(groups[one.panel, one.method])) for one in bars.points]
    return replace(bars, x="passes_per_step", points=tuple(points))


def _passes_per_step(runs: list[Outcome]) -> float:
    finished = [run.metrics for run in runs if run.state == "finished" and run.metrics]
    return fmean(metrics.passes / metrics.steps for metrics in finished)


def curve_series(figure: Curves, matrix: Matrix, layout: Layout) -> Series:
    """Return the metric of every epoch, averaged over the finished runs of a method."""
    histories = [_history(read_outcome(spec, layout), layout) for spec in matrix.select(figure)]
    groups = repeats((outcome for outcome, _ in histories), (figure.panels, "method"))
    rows = {outcome.id: history for outcome, history in histories}
    points: list[Point] = []
    for panel, method in in_order(groups):
        epochs = zip(
            *(rows[run.id] for run in groups[panel, method] if run.state == "finished"), strict=False
        )
        for seeds in epochs:
            values = [float(getattr(row, figure.metric)) for row in seeds]
            points.append(Point(panel, method, seeds[0].epoch, Summary.of(values)))
    return Series(figure.panels, "epoch", tuple(points), tuple(outcome for outcome, _ in histories))


def _history(outcome: Outcome, layout: Layout) -> History:
    """A finished run with a damaged history counts as unreadable, so that it is named, not dropped."""
    if outcome.state != "finished":
        return outcome, []
    try:
        return outcome, RunRecord.at(layout, outcome.id).history
    except RecordError as error:
        return replace(outcome, state="unreadable", reason=str(error)), []


def _summary(runs: list[Outcome], metric: str) -> Summary:
    return Summary.of([value for run in runs if (value := run.value(metric)) is not None])


def _drawn(points: list[Point]) -> tuple[Point, ...]:
    return tuple(point for point in points if point.summary.n)
