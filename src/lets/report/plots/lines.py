"""Lines with their spread: a metric over a hyper-parameter (Figure 1) or over epochs (Figures 2, 6, 7, 9)."""

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from lets.report.labels import field_title, value_title
from lets.report.plots.canvas import entitle, label_left, legend_above, logarithmic, look_of, panels
from lets.report.series import Point, Series
from lets.results import QUANTITIES

EQUALS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"


def draw_sensitivity(series: Series, metric: str) -> Figure:
    """Draw one panel, logarithmic if it can be; a method without the hyper-parameter is a level line."""
    figure, (axes,) = panels(1, width=1.7)
    places = sorted(set(_places(series.points)))
    for method in series.methods:
        points = series.of(None, method)
        if points[0].x is None:
            _level(axes, points[0])
        else:
            _error_bars(axes, points)
    if places and places[0] > 0:
        axes.set_xscale("log")
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.minorticks_off()
    axes.set_xlabel(field_title(series.x, series.methods))
    axes.set_ylabel(QUANTITIES[metric].label)
    legend_above(figure, [axes])
    return figure


def draw_curves(series: Series, metric: str) -> Figure:
    """Draw a panel per value of the panel field: the mean over seeds as a line, ± 1 sd as a band."""
    names = series.panels
    figure, grid = panels(len(names), width=1.7 if len(names) == 1 else 1.0, sharex=False)
    for panel, axes in zip(names, grid, strict=True):
        for index, method in enumerate(series.methods):
            _band(axes, series.of(panel, method), index / len(series.methods))
        title = value_title(series.panel_field, panel)
        named = (
            f"{field_title(series.panel_field, series.methods)}{EQUALS}" if isinstance(panel, float) else ""
        )
        entitle(axes, named + title)
        axes.set_xlabel("Epoch")
        epochs = set(_places(point for point in series.points if point.panel == panel))
        axes.xaxis.set_major_locator(
            FixedLocator([*epochs]) if len(epochs) == 1 else MaxNLocator(5, integer=True)
        )
    means = [point.summary.mean for point in series.points]
    if means and QUANTITIES[metric].positive and 0 < 10 * min(means) < max(means):
        logarithmic(grid, min(means), max(means))
    label_left(grid, QUANTITIES[metric].label)
    legend_above(figure, grid)
    return figure


def _places(points: Iterable[Point]) -> list[float]:
    return [point.x for point in points if point.x is not None]


def _error_bars(axes: Axes, points: list[Point]) -> None:
    x, mean = _places(points), [point.summary.mean for point in points]
    spread = [point.summary.sd for point in points]
    axes.errorbar(x, mean, yerr=spread, capsize=2.5, elinewidth=0.9, **look_of(points[0].method))


def _level(axes: Axes, point: Point) -> None:
    look = look_of(point.method) | {"marker": "", "linestyle": ":"}
    axes.axhline(point.summary.mean, **look)


def _band(axes: Axes, points: list[Point], shift: float) -> None:
    """Draw one line; `shift` in [0, 1) staggers its markers, so that lines on top of each other show."""
    if not points:
        return
    look, every = look_of(points[0].method), max(1, len(points) // 5)
    x, mean = _places(points), [point.summary.mean for point in points]
    low = [point.summary.mean - point.summary.sd for point in points]
    high = [point.summary.mean + point.summary.sd for point in points]
    axes.plot(x, mean, markevery=(int(shift * every), every), **look)
    axes.fill_between(x, low, high, color=look["color"], alpha=0.16, linewidth=0)
