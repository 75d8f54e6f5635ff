"""The base of all figures: numbers first, as csv, then the drawing of exactly those numbers; and who drew a file."""

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lets.config.labels import address
from lets.config.paths import LOCK, Layout
from lets.config.selection import Selection
from lets.files import write_bytes
from lets.runs.outcomes import Outcome, Records
from lets.tables.notes import absent_counts
from lets.tables.table import Csv

if TYPE_CHECKING:
    import matplotlib.figure


class Numbers(Protocol):
    """What a figure draws, and every run it was asked to be drawn from."""

    @property
    def runs(self) -> Sequence[Outcome]:
        """Those runs."""

    def csv(self) -> Csv:
        """Return exactly the numbers drawn."""


class Figure(Selection):
    """A selection of runs that can be drawn."""

    @property
    def names(self) -> tuple[str, ...]:
        """The fields of a run that say where in the figure it is."""
        return ("method", *(getattr(self, key) for key in self.axes))

    def numbers(self, records: Records) -> Any:
        """Read the `Numbers` that it draws; raises SpecError if a point would mix variants."""
        raise NotImplementedError

    def caption(self, numbers: Any) -> str:
        """Return the line below: what the spread is, and over how many seeds."""
        raise NotImplementedError

    def draw(self, numbers: Any) -> "matplotlib.figure.Figure":
        """Return the drawing, without its caption."""
        raise NotImplementedError

    def addresses(self, records: Records) -> dict[str, tuple[str, ...]]:
        """Return the address of every line, bar or point, and the runs behind it."""
        names, found = self.names, dict[str, tuple[str, ...]]()
        for run in self.behind(records.matrix):
            where = address(names, [run.variant.get(name) for name in names])
            found[where] = (*found.get(where, ()), run.id)
        return found


def full_caption(figure: Figure, numbers: Numbers) -> str:
    """Return the line below a figure, with what is missing."""
    return "; ".join(part for part in (figure.caption(numbers), absent_counts(numbers.runs)) if part)


def drawn(name: str, figure: Figure, numbers: Numbers) -> dict[str, bytes]:
    """Return svg and png; of one matplotlib, a function of the numbers alone."""
    from lets.figures.canvas import line_below, saved, theme

    with theme(name):
        drawing = figure.draw(numbers)
        line_below(drawing, full_caption(figure, numbers))
        return saved(drawing)


def write_figure(name: str, figure: Figure, numbers: Numbers, layout: Layout) -> list[Path]:
    """Draw a figure, write csv, svg and png, and return the paths."""
    files = {**drawn(name, figure, numbers), "csv": numbers.csv().text().encode()}
    for suffix, content in files.items():
        write_bytes(layout.figure(name, suffix), content)
    return layout.figures(name)


def drawn_by(svg: bytes) -> str:
    """Return the version of matplotlib that says it drew an svg; nothing if none does."""
    found = re.search(rb"Matplotlib v([\w.+-]+)", svg)
    return found[1].decode() if found else ""


def matplotlib_here() -> str:
    """Return the version of matplotlib that is installed."""
    return version("matplotlib")


def drawn_elsewhere(layout: Layout, names: Iterable[str]) -> dict[str, str]:
    """Return those of the figures that another matplotlib drew than the one here, which may draw otherwise, and which.

    A word in a file is easily written: where the locked matplotlib is installed, every picture must be its own.
    """
    if _locked(layout, here := matplotlib_here()):
        return {}
    pictures = {name: svg for name in names if (svg := layout.figure(name, "svg")).is_file()}
    versions = {name: drawn_by(svg.read_bytes()) for name, svg in pictures.items()}
    return {name: version for name, version in versions.items() if version not in ("", here)}


def _locked(layout: Layout, here: str) -> bool:
    lock = layout.root / LOCK
    return lock.is_file() and f"matplotlib=={here}" in re.split(r"[\s;]+", lock.read_text())
