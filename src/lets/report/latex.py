"""A sheet as LaTeX: a table in booktabs style that compiles as it stands.

The document needs `\\usepackage{booktabs}`, for tables of more than a page also longtable, and UTF-8 input, the default
since 2018.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest
from math import inf

from lets.report.sheet import Block, Entry, Sheet

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


def latex(sheet: Sheet) -> str:
    """Return the table, its caption above and its notes below: one that floats, or one that runs over pages."""
    rows = sum(len(block.rows) for block in sheet.blocks)
    return "\n".join(_long(sheet) if rows > PAGE else _float(sheet)) + "\n"


def _float(sheet: Sheet) -> Iterator[str]:
    yield r"% needs \usepackage{booktabs}"
    yield r"\begin{table}[tbp]"
    yield r"\centering\setlength{\abovecaptionskip}{0pt}\setlength{\belowcaptionskip}{5pt}"
    yield rf"\caption{{{escape(sheet.title)}}}"
    yield rf"\label{{tab:{sheet.name}}}"
    yield _size(sheet)
    yield rf"\begin{{tabular}}{{l{'r' * len(sheet.columns)}}}"
    yield from (r"\toprule", _head(sheet))
    for block in sheet.blocks:
        yield from _block(block, sheet)
    yield from (r"\bottomrule", r"\end{tabular}")
    yield r"\par\smallskip\begin{minipage}{\linewidth}\footnotesize\raggedright"
    yield from _notes(sheet)
    yield from (r"\end{minipage}", r"\end{table}")


def _long(sheet: Sheet) -> Iterator[str]:
    yield r"% needs \usepackage{booktabs,longtable}"
    yield rf"\begingroup{_size(sheet)}"
    yield rf"\begin{{longtable}}{{l{'r' * len(sheet.columns)}}}"
    yield rf"\caption{{{escape(sheet.title)}}}\label{{tab:{sheet.name}}}\\"
    yield from (r"\toprule", _head(sheet), r"\endfirsthead")
    yield from (r"\toprule", _head(sheet), r"\midrule", r"\endhead")
    yield from (r"\bottomrule", r"\endfoot")
    for block in sheet.blocks:
        yield from _block(block, sheet)
    yield from (r"\end{longtable}", r"\footnotesize\raggedright\noindent")
    yield from _notes(sheet)
    yield r"\endgroup"


def _head(sheet: Sheet) -> str:
    return _line([escape(sheet.corner), *map(escape, sheet.columns)])


def _notes(sheet: Sheet) -> Iterator[str]:
    yield from (rf"{_breakable(escape(note))}\par" for note in sheet.notes)


def _size(sheet: Sheet) -> str:
    """The largest type in which the widest row fits between the margins of a plain article."""
    rows = [[sheet.corner, *sheet.columns]]
    rows += [[title, *(e.text for e in entries)] for block in sheet.blocks for title, entries in block.rows]
    letters = sum(max(map(len, column)) for column in zip_longest(*rows, fillvalue=""))
    return next(size for most, size in _SIZES if letters + 2 * len(sheet.columns) <= most)


def _block(block: Block, sheet: Sheet) -> Iterator[str]:
    yield r"\midrule"
    if block.title:
        yield rf"\multicolumn{{{1 + len(sheet.columns)}}}{{l}}{{\textit{{{escape(block.title)}}}}} \\"
        yield r"\midrule"
    for index, (title, entries) in enumerate(block.rows):
        if index in sheet.rules:
            yield r"\midrule"
        yield _line([escape(title), *map(_cell, entries)])


def _line(fields: list[str]) -> str:
    return " & ".join(fields) + r" \\"


def _cell(entry: Entry) -> str:
    text = escape(entry.text)
    if entry.best:
        text = rf"\textbf{{{text}}}"
    if entry.best_of_group:
        text = rf"\underline{{{text}}}"
    lines = [text]
    if entry.note:
        lines.append(rf"\scriptsize ({escape(entry.note)})")
    if entry.paper:
        lines.append(rf"\scriptsize\textit{{{escape(entry.paper)}}}")
    if len(lines) == 1:
        return text
    stacked = r" \\ ".join(lines)
    return rf"\begin{{tabular}}[t]{{@{{}}r@{{}}}}{stacked}\end{{tabular}}"


def _breakable(text: str) -> str:
    """Let run ids break after a slash, so that they do not run into the margin."""
    return re.sub(r"/(?=\S)", r"/\\allowbreak{}", text)
