"""What trainings reach over all the passes that they cost, a panel per noise: any radius, and the best of a grid."""

from collections.abc import Sequence
from math import log
from string import ascii_lowercase

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from lets.report.labels import value_title
from lets.report.pareto import Mark, Marks
from lets.report.plots.canvas import GREY, entitle, label_left, legend_above, look_of, panels
from lets.report.plots.cost import front, stairs
from lets.results import QUANTITIES

APART = 0.055
"""between marks of equal cost, in natural logarithms"""


def draw_pareto(marks: Marks, metric: str) -> Figure:
    """Draw a mark per experiment and method, its range over radii, and the stairs that nothing is above."""
    names = marks.panels
    figure, grid = panels(len(names), width=2.0, height=1.5)
    quantity = QUANTITIES[metric]
    letters = lettered(marks)
    for panel, axes in zip(names, grid, strict=True):
        shown = [one for one in marks.marks if one.panel == panel]
        stairs(axes, front(shown, quantity.better))
        for one, place in zip(shown, places([mark.passes for mark in shown]), strict=True):
            _mark(axes, one, place, letters[one.experiment])
        if shown:
            _look_at_means(axes, shown)
        entitle(axes, value_title(marks.panel_field, panel))
        axes.set_xscale("log")
        axes.set_xlabel("Passes of all trainings")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    label_left(grid, quantity.label)
    legend_above(figure, grid)
    return figure


def lettered(marks: Marks) -> dict[str, str]:
    """Return the letter of each experiment, in the order in which they are shown."""
    names = dict.fromkeys(one.experiment for one in marks.marks)
    return dict(zip(names, ascii_lowercase, strict=False))


def places(costs: Sequence[float]) -> list[float]:
    """Return where to draw them: those of (nearly) equal cost stand side by side, around it."""
    found = []
    for index, cost in enumerate(costs):
        level = [other for other, one in enumerate(costs) if abs(log(one / cost)) < APART / 2]
        found.append(cost * (1 + APART) ** (level.index(index) - (len(level) - 1) / 2))
    return found


def _look_at_means(axes: Axes, marks: Sequence[Mark]) -> None:
    """Marks fill the panel; a range that is much longer runs out of it."""
    means = [one.summary.mean for one in marks]
    room = 0.25 * (max(means) - min(means)) or 1.0
    axes.set_ylim(min(means) - room, max(means) + room)


def _mark(axes: Axes, one: Mark, place: float, letter: str) -> None:
    look = look_of(one.method) | {"linestyle": "", "markersize": 3.6}
    spread = [[one.summary.mean - one.low], [one.high - one.summary.mean]]
    axes.errorbar(place, one.summary.mean, yerr=None if one.best else spread, elinewidth=0.6, **look)
    text = f"{letter}*" if one.best else letter
    at = (place, one.summary.mean)
    axes.annotate(text, at, xytext=(0, 4), textcoords="offset points", ha="center", fontsize=6, color=GREY)
