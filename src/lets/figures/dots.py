"""Numbers as dots, a labelled row each: they need neither a legend nor an axis that begins at zero."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

from lets.figures.styles import GREY, look_of
from lets.stats.summary import Summary

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes

SHADE = "#ececec"
"""behind a row that stands out"""
LINE = 0.15
"""inches of a line of a label"""
LABEL, SHORT = 26, 14
"""letters of a label in one line, and beside which two panels have room in a column"""


@dataclass(frozen=True)
class DotRow:
    """A dot with a line from `low` to `high`, nan without one; `note` is printed on the right."""

    label: str
    method: str
    mean: float
    low: float
    high: float
    note: str
    shaded: bool = False

    @classmethod
    def of(cls, label: str, method: str, summary: Summary, note: str, shaded: bool = False) -> "DotRow":
        """Return a mean over seeds; the line is ± 1 standard deviation, where there is one."""
        spread = summary.sd if summary.n > 1 else nan
        return cls(label, method, summary.mean, summary.mean - spread, summary.mean + spread, note, shaded)


def draw_rows(
    rows: Sequence[Sequence[DotRow]], titles: Sequence[str], axis: str, notes: str = ""
) -> "matplotlib.figure.Figure":
    """Draw a panel for each of `titles`, all with the same rows, in the order in which they first come.

    `axis` labels the numbers, `notes` heads what is printed on the right.
    """
    from lets.figures.canvas import PANEL, entitle, panels

    labels = list(dict.fromkeys(row.label for panel in rows for row in panel))
    texts = [textwrap.fill(label, LABEL) for label in labels] or [""]
    lines = max(text.count("\n") + 1 for text in texts)
    height = (LINE * lines * max(len(labels), 2) + 0.45) / PANEL[1]
    columns = 2 if len(titles) > 1 and max(map(len, texts)) <= SHORT else 1
    figure, grid = panels(len(titles), 1.0 if columns == 2 else 1.9, height, columns, sharey=columns == 2)
    for panel, title, axes in zip(rows, titles, grid, strict=True):
        for row in panel:
            _draw(axes, row, labels.index(row.label))
        axes.set_yticks(range(len(labels)), texts[: len(labels)])
        axes.set_ylim(max(len(labels), 1) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.12)
        axes.set_xlabel(axis)
        if not panel:
            axes.set_xticks([])
        axes.annotate(notes, (1, 1), (3, 3), "axes fraction", "offset points", fontsize=6.5, color=GREY)
        entitle(axes, title)
    return figure


def _draw(axes: "Axes", row: DotRow, place: int) -> None:
    look = look_of(row.method) | {"linestyle": "", "markersize": 4.4, "capsize": 2, "elinewidth": 0.8}
    if row.shaded:
        axes.axhspan(place - 0.5, place + 0.5, color=SHADE, linewidth=0, zorder=0)
    axes.errorbar(row.mean, place, xerr=[[row.mean - row.low], [row.high - row.mean]], **look)
    axes.annotate(
        row.note, (1, place), (3, 0), ("axes fraction", "data"), "offset points", va="center", fontsize=6.5
    )
