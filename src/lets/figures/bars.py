"""A metric as a bar per method, a panel per value of one field (Figures 3, 4)."""

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from lets.config.labels import value_title
from lets.config.selection import RunMetric
from lets.figures.figure import Figure
from lets.figures.series import Point, Series, caption, series_by_panel
from lets.figures.styles import style_of
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Records

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes


class Bars(Figure):
    """A metric as a bar per method, a panel per value of one field (Figures 3, 4)."""

    kind: Literal["bars"]
    metric: RunMetric = "test_accuracy"
    panels: str = "dataset"

    axes: ClassVar[tuple[str, ...]] = ("panels",)

    def numbers(self, records: Records) -> Series:
        """Return the metric of every method in every panel."""
        return series_by_panel(records.shown(self), self.panels, self.metric)

    def caption(self, numbers: Series) -> str:
        """Return what a bar is, and that it does not begin at zero."""
        return f"{caption(numbers, '± 1 sample standard deviation')}; vertical axes do not start at zero"

    def draw(self, numbers: Series) -> "matplotlib.figure.Figure":
        """Draw the panels; each starts just below its lowest bar, and every bar carries its number."""
        from lets.figures.canvas import entitle, label_left, panels

        names = numbers.panels
        figure, grid = panels(len(names), width=max(1.0, len(numbers.methods) * 0.17))
        for panel, axes in zip(names, grid, strict=True):
            if points := [point for point in numbers.points if point.panel == panel]:
                _bars(axes, points, QUANTITIES[self.metric].decimals)
            entitle(axes, value_title(self.panels, panel))
        label_left(grid, QUANTITIES[self.metric].label)
        return figure


def _bars(axes: "Axes", points: list[Point], decimals: int) -> None:
    means = [point.summary.mean for point in points]
    spreads = [point.summary.sd if point.summary.n > 1 else 0.0 for point in points]
    whiskers = [
        spread if point.summary.n > 1 else math.nan for spread, point in zip(spreads, points, strict=True)
    ]
    titles = [value_title("method", point.method) for point in points]
    bars = axes.bar(titles, means, yerr=whiskers, width=0.66, capsize=2.5, error_kw={"elinewidth": 0.9})
    for bar, point in zip(bars, points, strict=True):
        style = style_of(point.method)
        bar.set(facecolor=style.colour if style.learned else "white", edgecolor=style.colour, linewidth=1.2)
        if not style.learned:
            bar.set_hatch("////")
    axes.bar_label(bars, [f"{mean:.{decimals}f}" for mean in means], padding=2, fontsize=7)
    low = min(mean - spread for mean, spread in zip(means, spreads, strict=True))
    high = max(mean + spread for mean, spread in zip(means, spreads, strict=True))
    margin = 0.35 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.tick_params(axis="x", rotation=40, length=0)
    axes.grid(visible=False, axis="x")
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
