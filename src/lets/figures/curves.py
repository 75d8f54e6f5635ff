"""A metric over epochs, a line per method, a panel per value of one field (Figures 2, 6, 7, 9)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from lets.config.labels import field_title, value_title
from lets.config.selection import EpochMetric, Selection
from lets.errors import RecordError
from lets.figures.figure import Figure
from lets.figures.series import Point, Series, caption, xs
from lets.figures.styles import look_of
from lets.runs.history import HistoryRow
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Outcome, Records, in_order, repeats
from lets.stats.summary import Summary

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes


EQUALS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"
EVIDENCE = {"rho": "radius", "lr": "schedule", "loss": "loss"}
"""metric → what it is of `Selection.reads`, if not a number of an epoch"""
History = tuple[Outcome, list[HistoryRow]]


class Curves(Figure):
    """A metric over epochs, a line per method, a panel per value of one field (Figures 2, 6, 7, 9)."""

    kind: Literal["curves"]
    metric: EpochMetric
    panels: str = "architecture"

    axes: ClassVar[tuple[str, ...]] = ("panels",)

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return what of its epochs a run is shown with."""
        return frozenset({EVIDENCE.get(self.metric, "course")})

    def numbers(self, records: Records) -> Series:
        """Return the metric of every epoch, averaged over the finished runs of a method."""
        histories = [_history(outcome) for outcome in records.shown(self)]
        groups = repeats((outcome for outcome, _ in histories), (self.panels, "method"))
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
        """Draw a panel per value of the panel field: the mean over seeds as a line, ± 1 sd as a band."""
        from lets.figures.canvas import entitle, epoch_ticks, label_left, legend_above, logarithmic, panels

        names, methods = numbers.panels, numbers.methods
        figure, grid = panels(len(names), width=1.7 if len(names) == 1 else 1.0, sharex=False)
        for panel, axes in zip(names, grid, strict=True):
            for index, method in enumerate(methods):
                _band(axes, numbers.of(panel, method), index / len(methods))
            named = f"{field_title(self.panels, methods)}{EQUALS}" if isinstance(panel, float) else ""
            entitle(axes, named + value_title(self.panels, panel))
            axes.set_xlabel("Epoch")
            epoch_ticks(axes, set(xs(point for point in numbers.points if point.panel == panel)))
        means = [point.summary.mean for point in numbers.points]
        if means and QUANTITIES[self.metric].positive and 0 < 10 * min(means) < max(means):
            logarithmic(grid, min(means), max(means))
        label_left(grid, QUANTITIES[self.metric].label)
        legend_above(figure, grid)
        return figure


def _history(outcome: Outcome) -> History:
    """Return a finished run with a damaged history as unreadable, so that it is named, not dropped."""
    if outcome.state != "finished":
        return outcome, []
    try:
        return outcome, outcome.record.history
    except RecordError as error:
        return replace(outcome, state="unreadable", reason=str(error)), []


def _band(axes: "Axes", points: list[Point], shift: float) -> None:
    """Draw one line; `shift` in [0, 1) staggers its markers, so that lines on top of each other show."""
    if not points:
        return
    look, every = look_of(points[0].method), max(1, len(points) // 5)
    x, mean = xs(points), [point.summary.mean for point in points]
    low = [point.summary.mean - point.summary.sd for point in points]
    high = [point.summary.mean + point.summary.sd for point in points]
    axes.plot(x, mean, markevery=(int(shift * every), every), **look)
    axes.fill_between(x, low, high, color=look["color"], alpha=0.16, linewidth=0)
