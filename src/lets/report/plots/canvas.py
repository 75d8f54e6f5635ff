"""What every figure shares: size, type, the line below it, and files that are the same bytes each time."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PANEL = (2.5, 2.3)
"""width and height of a panel, inches"""
WIDEST = 4
"""panels side by side"""
GREY = "#555555"

_OURS = {
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
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


def panels(count: int, width: float = 1.0, **subplot: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels, at most WIDEST in a row, each `width` times as wide as usual."""
    columns = min(count, WIDEST)
    lines = -(-count // columns)
    figure = Figure(figsize=(PANEL[0] * width * columns + 0.4, PANEL[1] * lines + 0.6))
    grid = figure.subplots(lines, columns, squeeze=False, **subplot).flatten()
    for axes in grid[count:]:
        axes.remove()
    return figure, list(grid[:count])


def legend_above(figure: Figure, axes: list[Axes]) -> None:
    """Put one legend for all panels above them, each label once."""
    found: dict[str, Any] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    widest = 6 if len(axes) > 2 else 4 if len(axes) == 2 else 3
    figure.legend(found.values(), found, loc="outside upper center", ncols=widest, handlelength=3.2)


def label_left(axes: list[Axes], text: str) -> None:
    """Label the vertical axis of the first panel of each row."""
    for panel in axes:
        place = panel.get_subplotspec()
        if place and place.is_first_col():
            panel.set_ylabel(text)


def line_below(figure: Figure, text: str) -> None:
    """Put the small print below the figure."""
    figure.supxlabel(text, fontsize=7, color=GREY, x=0.01, ha="left")


def saved(figure: Figure) -> dict[str, bytes]:
    """Return suffix → file for svg and png (200 dpi); neither holds a date."""
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    return {"svg": svg.getvalue(), "png": png.getvalue()}
