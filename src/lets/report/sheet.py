"""A table in words: the one thing that Markdown, LaTeX and HTML are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from lets.report.labels import field_title, value_title
from lets.report.notes import absent_notes, seeds_note, stand_in_note
from lets.results import QUANTITIES, Cell, Grid, Quantity
from lets.results.repeats import Key
from lets.spec import Params


@dataclass(frozen=True)
class Entry:
    """One cell in words: `text` is the number or what stands in its place, `note` what is odd about its n."""

    text: str
    note: str = ""
    paper: str = ""
    best: bool = False
    """of all rows of the column (bold)"""
    best_of_group: bool = False
    """of its comparison group (underlined)"""
    hover: str = ""
    runs: tuple[str, ...] = ()
    """ids of the runs behind it, those that are missing too"""


STAYED = "†"
"""marks a method that is to learn its radius and does not"""

Row = tuple[str, tuple[Entry, ...]]
"""title and cells"""


@dataclass(frozen=True)
class Block:
    """The rows below one value of the first of two column fields; the only block of a table has no title."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Sheet:
    """A table in words, in the paper's shape."""

    name: str
    title: str
    corner: str
    """heads the row titles"""
    columns: tuple[str, ...]
    blocks: tuple[Block, ...]
    """two column fields, as in Table 4, become blocks × columns"""
    rules: frozenset[int]
    """rows of a block that a new comparison group begins with"""
    notes: tuple[str, ...]


def lay_out(name: str, grid: Grid, params: Params) -> Sheet:
    """Put a grid into words."""
    table, quantity = grid.table, QUANTITIES[grid.table.metric]
    bold = {column: _best(grid.column(column), quantity) for column in grid.columns}
    underlined = {column: _best_of_groups(grid, column, quantity) for column in grid.columns}
    entries = {
        (row, column): _entry(cell, quantity, row in bold[column], row in underlined[column])
        for (row, column), cell in grid.cells.items()
    }
    titles = [value_title(table.columns[-1], value) for value in _last_values(grid)]
    return Sheet(
        name,
        table.title,
        field_title(table.rows, (run.spec.method for run in grid.runs)),
        tuple(titles),
        tuple(_blocks(grid, entries)),
        frozenset(_rules(grid)),
        tuple(_notes(grid, params, any(bold.values()), any(underlined.values()))),
    )


def _last_values(grid: Grid) -> list[object]:
    return list(dict.fromkeys(column[-1] for column in grid.columns))


def _blocks(grid: Grid, entries: dict[tuple[object, Key], Entry]) -> Iterator[Block]:
    for outer in dict.fromkeys(column[:-1] for column in grid.columns):
        columns = [(*outer, value) for value in _last_values(grid)]
        rows = [
            (
                value_title(grid.table.rows, row),
                tuple(entries.get((row, column), Entry("")) for column in columns),
            )
            for row in grid.rows
        ]
        yield Block(value_title(grid.table.columns[0], outer[0]) if outer else "", tuple(rows))


def measured(cell: Cell, quantity: Quantity) -> str:
    """Return mean ± sd as printed, or the word for why there is none."""
    if cell.summary.n:
        return _plus_minus(cell.summary.mean, cell.summary.sd, quantity.decimals)
    if cell.diverged:
        return "diverged"
    return "—"


def _marked(cell: Cell, quantity: Quantity) -> str:
    return measured(cell, quantity) + STAYED * cell.radius_stayed


def _plus_minus(mean: float, sd: float, decimals: int) -> str:
    return f"{mean:.{decimals}f}" + (f" ± {sd:.{decimals}f}" if sd == sd else "")


def _entry(cell: Cell, quantity: Quantity, best: bool, best_of_group: bool) -> Entry:
    if not cell.expected:
        return Entry("")
    paper = f"{cell.published.mean:.2f} ± {cell.published.sd:.2f}" if cell.published else ""
    runs = tuple(run.id for run in cell.runs)
    words = _marked(cell, quantity), _count_note(cell), paper
    return Entry(*words, best, best_of_group, _hover(cell, quantity), runs)


def _count_note(cell: Cell) -> str:
    """Say `n=1 of 2` where not every run has its number, unless the text says it all."""
    n, diverged = cell.summary.n, len(cell.diverged)
    if n == cell.expected or (n == 0 and diverged in (0, cell.expected)):
        return ""
    return f"n={n} of {cell.expected}" + (f", {diverged} diverged" if diverged else "")


def _hover(cell: Cell, quantity: Quantity) -> str:
    low, high = cell.summary.interval()
    parts = [f"n = {cell.summary.n} of {cell.expected}"]
    if low == low:
        parts.append(f"95 % interval {low:.{quantity.decimals}f} to {high:.{quantity.decimals}f}")
    if cell.published:
        published = cell.published
        parts.append(f"paper {published.mean:.2f} ± {published.sd:.2f}, n = {published.n}")
    parts += [f"{run.id}" + (f" ({run.state})" if run.state != "finished" else "") for run in cell.runs]
    return "\n".join(parts)


def _best(cells: list[Cell], quantity: Quantity) -> set[object]:
    """Rows with the best mean as printed; nobody wins before every run of the column has ended, or alone."""
    if quantity.better is None or any(cell.missing for cell in cells):
        return set()
    means = {cell.row: float(f"{cell.summary.mean:.{quantity.decimals}f}") for cell in cells if cell.complete}
    if len(means) < 2:
        return set()
    top = max(means.values()) if quantity.better == "higher" else min(means.values())
    return {row for row, mean in means.items() if mean == top}


def _best_of_groups(grid: Grid, column: Key, quantity: Quantity) -> set[object]:
    cells = grid.column(column)
    groups = [[cell for cell in cells if cell.row in group] for group in grid.table.groups]
    return set().union(*(_best(group, quantity) for group in groups))


def _rules(grid: Grid) -> list[int]:
    groups = [
        next((i for i, group in enumerate(grid.table.groups) if row in group), None) for row in grid.rows
    ]
    return [index for index, (above, below) in enumerate(pairwise(groups), start=1) if above != below]


def _notes(grid: Grid, params: Params, bold: bool, underlined: bool) -> list[str]:
    cells = list(grid.cells.values())
    spread = "± sample standard deviation (ddof = 1)"
    notes = [
        f"{QUANTITIES[grid.table.metric].label}. {seeds_note((cell.summary.n for cell in cells), spread)}."
    ]
    marks = ["bold: best of its column"] * bold + ["underlined: best of its comparison group"] * underlined
    if marks:
        notes.append(f"{'; '.join(marks).capitalize()}.")
    if any(cell.radius_stayed for cell in cells):
        notes.append(
            f"{STAYED} The learned radius ended within 1 % of its start in every run: "
            "trained with a fixed radius, at the cost of a learned one."
        )
    published = {cell.published.n for cell in cells if cell.published}
    if published:
        seeds = " or ".join(map(str, sorted(published)))
        notes.append(f"Small print below our numbers: Table {grid.table.paper} of the paper, n = {seeds}.")
        notes.append(
            stand_in_note((run for cell in cells if cell.published for run in cell.runs), params.stand_ins)
        )
    return [note for note in [*notes, *absent_notes(grid.runs)] if note]
