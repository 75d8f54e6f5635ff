"""The files of a table: csv for machines, Markdown and LaTeX for people. Each is a function of the table alone.

LaTeX is in booktabs style and compiles as it stands: the document needs `\\usepackage{booktabs}`, for tables of more
than a page also longtable, and UTF-8 input, the default since 2018.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from math import inf
from pathlib import Path

from lets.config.paths import Layout
from lets.files import write_text
from lets.tables.table import Block, Cell, Line, Table


def render(table: Table) -> dict[str, str]:
    """Return suffix → text."""
    return {suffix: "".join(f"{line}\n" for line, _ in lines(table)) for suffix, lines in LINES.items()}


def write_table(table: Table, layout: Layout) -> list[Path]:
    """Write every rendering of a table and return the paths."""
    for suffix, text in render(table).items():
        write_text(layout.table(table.name, suffix), text)
    return layout.tables(table.name)


def markdown_lines(table: Table) -> Iterator[Line]:
    """Yield the title, the table and the notes, as code hosts show them, with the addresses of their cells."""
    yield from ((f"**{table.title}**", ()), ("", ()))
    yield _markdown_row([table.corner, *table.columns]), ()
    yield _markdown_row([":--", *["--:"] * len(table.columns)]), ()
    for block in table.blocks:
        if block.title:
            yield _markdown_row([f"*{block.title}*", *[""] * len(table.columns)]), ()
        for title, cells in block.rows:
            yield _markdown_row([title, *map(_markdown_cell, cells)]), ("", *(cell.address for cell in cells))
    yield "", ()
    yield from ((f"- {note}", ()) for note in table.notes)
    if not table.notes:
        yield "", ()


def plain_text(table: Table) -> str:
    """Return title, table and notes for a terminal, its columns aligned; a star marks what is bold elsewhere."""
    rows = [[table.corner, *table.columns]]
    for block in table.blocks:
        rows += [[block.title, *[""] * len(table.columns)]] if block.title else []
        rows += [[title, *(cell.text + "*" * cell.best for cell in cells)] for title, cells in block.rows]
    first, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = ["  ".join([row[0].ljust(first), *map(str.rjust, row[1:], widths)]).rstrip() for row in rows]
    notes = [re.sub("^Bold", "*", note) for note in table.notes]
    return "\n".join([table.title, "", *lines, "", *notes])


def _markdown_row(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _markdown_cell(cell: Cell) -> str:
    text = cell.text
    if cell.best:
        text = f"**{text}**"
    if cell.best_of_group:
        text = f"<ins>{text}</ins>"  # code hosts drop <u>
    if cell.note:
        text += f" ({cell.note})"
    return text + (f"<br><sub>paper {cell.paper}</sub>" if cell.paper else "")


_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    "|": r"$|$",
    ">": r"$>$",
    "±": r"$\pm$",
    "—": "---",
    "–": "--",
    "·": r"$\cdot$",
    "×": r"$\times$",
    **{digit: f"$_{number}$" for number, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    "…": r"\dots{}",
    "ρ": r"$\rho$",
    "η": r"$\eta$",
    "θ": r"$\theta$",
    "λ": r"$\lambda$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "ξ": r"$\xi$",
    "χ": r"$\chi$",
    "→": r"$\to$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "²": r"$^2$",
    "½": r"$\frac12$",
    "†": r"\dag{}",
}
PAGE = 45
"""rows that one page has room for"""
_SIZES = (
    (72, r"\small\setlength{\tabcolsep}{4pt}"),
    (82, r"\footnotesize\setlength{\tabcolsep}{3pt}"),
    (94, r"\scriptsize\setlength{\tabcolsep}{3pt}"),
    (inf, r"\scriptsize\setlength{\tabcolsep}{2pt}\leftskip=0pt plus 1fil minus 40pt\rightskip=\leftskip"),
)
"""letters of a row, two more for every column's space, that a line of 345 pt has room for → size of type;
what is wider still reaches into both margins alike"""


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is; a hyphen that is a minus becomes one."""
    text = "".join(_SPECIAL.get(character, character) for character in text)
    return re.sub(r"(?<![\w}])-(?=[\d\s])", "$-$", text)


def latex_lines(table: Table) -> Iterator[Line]:
    """Yield the caption, the table and the notes, with the addresses of their cells.

    It floats, or runs over pages.
    """
    rows = sum(len(block.rows) for block in table.blocks)
    above, below = (_around_pages if rows > PAGE else _around_float)(table)
    yield from ((line, ()) for line in above)
    for block in table.blocks:
        yield from _latex_block(block, table)
    yield from ((line, ()) for line in below)


def _around_float(table: Table) -> tuple[list[str], list[str]]:
    """Return what stands above and below the rows of a table that floats."""
    above = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}[tbp]",
        r"\centering\setlength{\abovecaptionskip}{0pt}\setlength{\belowcaptionskip}{5pt}",
        rf"\caption{{{escape(table.title)}}}",
        rf"\label{{tab:{table.name}}}",
        _size(table),
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        _head(table),
    ]
    notes = r"\par\smallskip\begin{minipage}{\linewidth}\footnotesize\raggedright"
    below = [r"\bottomrule", r"\end{tabular}", notes, *_notes(table), r"\end{minipage}", r"\end{table}"]
    return above, below


def _around_pages(table: Table) -> tuple[list[str], list[str]]:
    """Return the same of one that runs over several pages."""
    above = [
        r"% needs \usepackage{booktabs,longtable}",
        rf"\begingroup{_size(table)}",
        rf"\begin{{longtable}}{{l{'r' * len(table.columns)}}}",
        rf"\caption{{{escape(table.title)}}}\label{{tab:{table.name}}}\\",
        *(r"\toprule", _head(table), r"\endfirsthead"),
        *(r"\toprule", _head(table), r"\midrule", r"\endhead"),
        *(r"\bottomrule", r"\endfoot"),
    ]
    return above, [r"\end{longtable}", r"\footnotesize\raggedright\noindent", *_notes(table), r"\endgroup"]


def _head(table: Table) -> str:
    return _latex_row([escape(table.corner), *map(escape, table.columns)])


def _notes(table: Table) -> Iterator[str]:
    yield from (rf"{_breakable(escape(note))}\par" for note in table.notes)


def _size(table: Table) -> str:
    """The largest type in which the widest row fits between the margins of a plain article."""
    rows = [[table.corner, *table.columns]]
    rows += [[title, *(cell.text for cell in cells)] for block in table.blocks for title, cells in block.rows]
    letters = sum(max(map(len, column)) for column in zip_longest(*rows, fillvalue=""))
    return next(size for most, size in _SIZES if letters + 2 * len(table.columns) <= most)


def _latex_block(block: Block, table: Table) -> Iterator[Line]:
    yield r"\midrule", ()
    if block.title:
        yield rf"\multicolumn{{{1 + len(table.columns)}}}{{l}}{{\textit{{{escape(block.title)}}}}} \\", ()
        yield r"\midrule", ()
    for index, (title, cells) in enumerate(block.rows):
        if index in table.rules:
            yield r"\midrule", ()
        yield _latex_row([escape(title), *map(_latex_cell, cells)]), ("", *(cell.address for cell in cells))


def _latex_row(fields: list[str]) -> str:
    return " & ".join(fields) + r" \\"


def _latex_cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.best:
        text = rf"\textbf{{{text}}}"
    if cell.best_of_group:
        text = rf"\underline{{{text}}}"
    lines = [text]
    if cell.note:
        lines.append(rf"\scriptsize ({escape(cell.note)})")
    if cell.paper:
        lines.append(rf"\scriptsize\textit{{{escape(cell.paper)}}}")
    if len(lines) == 1:
        return text
    stacked = r" \\ ".join(lines)
    return rf"\begin{{tabular}}[t]{{@{{}}r@{{}}}}{stacked}\end{{tabular}}"


def _breakable(text: str) -> str:
    """Let run ids break after a slash, so that they do not run into the margin."""
    return re.sub(r"/(?=\S)", r"/\\allowbreak{}", text)


LINES: dict[str, Callable[[Table], Iterator[Line]]] = {
    "csv": lambda table: table.csv.lines(),
    "md": markdown_lines,
    "tex": latex_lines,
}
"""suffix → the lines of the file, each with the addresses of its fields"""
