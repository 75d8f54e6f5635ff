"""What every figure shares: size, type, the line below it, and files that are the same bytes each time.

It imports matplotlib and seaborn: kinds import it when they draw.
"""

import io
import textwrap
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

from lets.figures.styles import GREY

PANEL = (1.6, 1.6)
"""width and height of a panel, inches: two fill a column of a two-column page, whose type they share"""
WIDEST = 2
"""panels side by side"""
WIDTH = 20
"""letters of a title that fit above a panel; no-break spaces keep `ρ₀ = 0.05` together"""
_OURS = {
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same glyphs on every machine
    "svg.fonttype": "path",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
}


@contextmanager
def theme(name: str) -> Iterator[None]:
    """Set the look for one figure; `name` seeds the ids inside the svg, which are random otherwise."""
    theirs = {**seaborn.axes_style("ticks"), **seaborn.plotting_context("paper")}
    settings: Any = {**theirs, **_OURS, "svg.hashsalt": name}
    with matplotlib.rc_context(settings):
        yield


def panels(
    count: int, width: float = 1.0, height: float = 1.0, widest: int = WIDEST, **subplot: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels, at most `widest` in a row, `width` times as wide and `height` as high."""
    columns = min(count, widest)
    lines = -(-count // columns)
    figure = Figure(figsize=(PANEL[0] * width * columns + 0.4, PANEL[1] * height * lines + 0.6))
    grid = figure.subplots(lines, columns, squeeze=False, **subplot).flatten()
    for axes in grid[count:]:
        axes.remove()
    return figure, list(grid[:count])


def legend_above(figure: Figure, axes: list[Axes]) -> None:
    """Put one legend for all panels above them, each label once, in as many columns as there is room for."""
    found: dict[str, Any] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    column = 0.6 + 0.065 * max(map(len, found))  # inches
    columns = max(1, min(len(found), int(figure.get_figwidth() / column)))
    figure.set_figheight(figure.get_figheight() + 0.16 * ((len(found) - 1) // columns))
    figure.legend(found.values(), found, loc="outside upper center", ncols=columns, handlelength=3.2)


def entitle(axes: Axes, title: str) -> None:
    """Put a title above a panel, in two lines if it is longer than the panel is wide."""
    axes.set_title(textwrap.fill(title, WIDTH))


def label_left(axes: list[Axes], text: str) -> None:
    """Label the vertical axis of the first panel of each row, the unit of a long label on its own line."""
    if len(text) > 20:
        text = text.replace(" (", "\n(")
    for panel in axes:
        place = panel.get_subplotspec()
        if place and place.is_first_col():
            panel.set_ylabel(text)


def logarithmic(grid: list[Axes], lowest: float, highest: float) -> None:
    """One scale for all panels, or their differences would not be seen."""
    for axes in grid:
        axes.set_yscale("log")
        axes.set_ylim(0.7 * lowest, highest / 0.7)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def epoch_ticks(axes: Axes, epochs: Collection[float]) -> None:
    """Put ticks at whole epochs, at the only one if there is one."""
    one = len(epochs) == 1
    axes.xaxis.set_major_locator(FixedLocator([*epochs]) if one else MaxNLocator(5, integer=True))


def powers_of_ten(axes: Axes) -> None:
    """Number the powers of ten of a logarithmic horizontal axis, written out."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def line_below(figure: Figure, text: str) -> None:
    """Put the small print below the figure, in as many lines as it takes."""
    text = textwrap.fill(text, int(figure.get_figwidth() / 0.056))  # inches per letter
    figure.supxlabel(text, fontsize=7, color=GREY, x=0.01, ha="left")


def saved(figure: Figure) -> dict[str, bytes]:
    """Return suffix → file for svg and png (200 dpi); neither holds a date."""
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    return {"svg": svg.getvalue(), "png": png.getvalue()}
