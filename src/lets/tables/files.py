"""The files of a table: csv for machines, Markdown and LaTeX for people."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lets.config.paths import Layout
from lets.files import write_text
from lets.tables.latex import latex_lines
from lets.tables.markdown import markdown_lines
from lets.tables.table import Line, Table

LINES: dict[str, Callable[[Table], Iterator[Line]]] = {
    "csv": lambda table: table.csv.lines(),
    "md": markdown_lines,
    "tex": latex_lines,
}
"""suffix → the lines of the file, each with the addresses of its fields"""


def render(table: Table) -> dict[str, str]:
    """Return suffix → text; a function of the table alone."""
    return {suffix: "".join(f"{line}\n" for line, _ in lines(table)) for suffix, lines in LINES.items()}


def write_table(table: Table, layout: Layout) -> list[Path]:
    """Write every rendering of a table and return the paths."""
    for suffix, text in render(table).items():
        write_text(layout.table(table.name, suffix), text)
    return layout.tables(table.name)
