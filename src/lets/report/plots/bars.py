"""A bar per method, a panel per data set (Figures 3 and 4)."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lets.report.labels import value_title
from lets.report.plots.canvas import entitle, label_left, panels
from lets.report.series import Point, Series
from lets.report.styles import style_of
from lets.results import QUANTITIES


def draw_bars(series: Series, metric: str) -> Figure:
    """Draw the panels; each starts just below its lowest bar, and every bar carries its number."""
    names = series.panels
    figure, grid = panels(len(names), width=max(1.0, len(series.methods) * 0.17))
    for panel, axes in zip(names, grid, strict=True):
        if points := [point for point in series.points if point.panel == panel]:
            _bars(axes, points, QUANTITIES[metric].decimals)
        entitle(axes, value_title(series.panel_field, panel))
    label_left(grid, QUANTITIES[metric].label)
    return figure


def _bars(axes: Axes, points: list[Point], decimals: int) -> None:
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
