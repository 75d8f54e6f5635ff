"""A sheet as LaTeX: a floating table in booktabs style that compiles as it stands.

The document needs `\\usepackage{booktabs}` and UTF-8 input, the default since 2018.
"""

import re
from collections.abc import Iterator

from lets.report.sheet import Block, Entry, Sheet

_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
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
    "→": r"$\to$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "²": r"$^2$",
    "½": r"$\frac12$",
}


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def latex(sheet: Sheet) -> str:
    """Return the floating table, its caption above and its notes below."""
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}[tbp]",
        r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{escape(sheet.title)}}}",
        rf"\label{{tab:{sheet.name}}}",
        rf"\begin{{tabular}}{{l{'r' * len(sheet.columns)}}}",
        r"\toprule",
        _line([escape(sheet.corner), *map(escape, sheet.columns)]),
    ]
    for block in sheet.blocks:
        lines += _block(block, sheet)
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [r"\par\smallskip\begin{minipage}{\linewidth}\footnotesize\raggedright"]
    lines += [rf"{_breakable(escape(note))}\par" for note in sheet.notes]
    return "\n".join([*lines, r"\end{minipage}", r"\end{table}"]) + "\n"


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
