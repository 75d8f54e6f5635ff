"""Runs pivoted into rows and columns; a cell is mean ± sd over seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field

from lets.config.labels import RUN_FIELDS, address, field_title, value_title
from lets.config.matrix import Matrix, meets
from lets.config.messages import Location, Problem, repeated
from lets.config.params import Params
from lets.config.selection import RunMetric, Selection, absent_value, values_of
from lets.config.strict import Count, Scalar
from lets.runs.metrics import ACCURACIES, QUANTITIES, Quantity
from lets.runs.outcomes import TO_DO, Key, Outcome, Records, State, in_order, repeats
from lets.stats.summary import Summary
from lets.tables.notes import absent_notes, seeds_note, stand_in_note, stand_ins_of
from lets.tables.published import Published, find_published, read_published
from lets.tables.table import Block, Cell, Csv, Record, Table

STAYED = 0.01
"""A learned radius that moves by less, relative to its start, is a fixed one."""
SIGNED = ("matthews", "pearson", "spearman", "score")
"""percentages that may be negative: correlations, and what may be one"""
PAPER_TABLES = 6
"""that the paper has"""
FIXED = "†"
"""marks a method that is to learn its radius and does not"""


class Pivot(Selection):
    """Runs pivoted into rows and columns; a cell is mean ± sd over seeds."""

    kind: Literal["pivot"] = "pivot"
    rows: str = "method"
    columns: Annotated[list[str], Field(min_length=1, max_length=2)] = Field(default=["architecture"])
    metric: RunMetric = "test_accuracy"
    groups: list[list[Scalar]] = Field(default=[])
    """rows compared with one another: the best of each group is underlined, the best of all is bold"""
    paper: Count | None = None
    """the number of this table in the paper; its values are printed beside ours"""

    def named_fields(self) -> Iterator[tuple[Location, str]]:
        """Yield those of conditions, rows and columns."""
        yield from super().named_fields()
        yield ("rows",), self.rows
        yield from ((("columns", index), field) for index, field in enumerate(self.columns))

    def grouped_by(self) -> tuple[str, ...]:
        """Return its rows and columns."""
        return (self.rows, *self.columns)

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield axes or rows that are named twice, rows of groups that there are not, and no table of the paper."""
        yield from repeated((*at, "columns"), self.columns)
        if self.rows in self.columns:
            other = next(name for name in reversed(RUN_FIELDS) if name not in self.columns)
            yield (*at, "rows"), f"{self.rows!r} – it is a column already – write  rows: {other}"
        rows = values_of(self.chosen(matrix), self.rows)
        for index, group in enumerate(self.groups):
            for place, row in enumerate(group):
                yield from absent_value((*at, "groups", index, place), row, rows, "the table has no such row")
        places = [(index, place) for index, group in enumerate(self.groups) for place in range(len(group))]
        for (number,), text in repeated((), [row for group in self.groups for row in group]):
            yield (*at, "groups", *places[int(number)]), text
        if self.paper and self.paper > PAPER_TABLES:
            yield (*at, "paper"), f"{self.paper} – the paper has Tables 1 to {PAPER_TABLES} – delete it"

    def narrowed(self, kept: Sequence[str], matrix: Matrix) -> dict[str, Any]:
        """Return also its groups without the rows that are gone."""
        changed = super().narrowed(kept, matrix)
        if self.groups:
            runs = [run for run in matrix.of(changed["experiments"]) if meets(run, self.where)]
            rows = [run.variant.get(self.rows) for run in runs]
            groups = [[row for row in group if row in rows] for group in self.groups]
            changed["groups"] = [group for group in groups if group]
        return changed

    def grid(self, records: Records) -> "Grid":
        """Read its runs into a grid; raises SpecError if a cell mixes variants."""
        names = self.grouped_by()
        groups = repeats(records.shown(self), names)
        rows = tuple(dict.fromkeys(key[0] for key in groups))
        columns = tuple(in_order(key[1:] for key in groups))
        printed = self.paper and self.metric in ACCURACIES
        numbers = read_published(records.layout.published) if printed else ()
        cells = {}
        for key in ((row, *column) for row in rows for column in columns):
            runs = tuple(groups.get(key, ()))
            found = (
                find_published(numbers, self.paper, runs[0].spec, records.params.stand_ins) if runs else None
            )
            stand_in = bool(runs and stand_ins_of([runs[0].spec], records.params.stand_ins))
            place = address(names, key)
            cells[key[0], key[1:]] = Group(key[0], key[1:], self.metric, runs, found, place, stand_in)
        order = tuple(address(names, key) for key in groups)
        return Grid(self, rows, columns, cells, order)

    def table(self, name: str, records: Records) -> Table:
        """Return the grid in words."""
        grid, quantity = self.grid(records), QUANTITIES[self.metric]
        bold = {column: _best(grid.column(column), quantity) for column in grid.columns}
        underlined = {column: _best_of_groups(grid, column, quantity) for column in grid.columns}
        cells = {
            (row, column): _cell(group, quantity, row in bold[column], row in underlined[column])
            for (row, column), group in grid.cells.items()
        }
        return Table(
            name,
            self.title,
            field_title(self.rows, (run.spec.method for run in grid.runs)),
            tuple(value_title(self.columns[-1], value) for value in _last_values(grid)),
            tuple(_blocks(grid, cells)),
            tuple(_notes(grid, records.params, any(bold.values()), any(underlined.values()))),
            _csv(name, grid),
            tuple(grid.runs),
            frozenset(_rules(grid)),
            grid.order,
        )


@dataclass(frozen=True)
class Group:
    """All seeds of one variant, and the number the paper prints in this place, if any.

    `row` and every element of `column` are field values (`sam`, `0.05`); `runs` lists every run asked for.
    """

    row: object
    column: Key
    metric: str
    runs: tuple[Outcome, ...] = ()
    published: Published | None = None
    address: str = ""
    stand_in: bool = False
    """whether data set or architecture stand for others, so that the paper's number is not printed beside ours"""

    @cached_property
    def values(self) -> dict[int, float]:
        """The metric by seed, of the runs that have it."""
        pairs = ((run.spec.seed, run.value(self.metric)) for run in self.runs)
        return {seed: value for seed, value in pairs if value is not None}

    @cached_property
    def summary(self) -> Summary:
        """Mean, sd and n of `values`."""
        return Summary.of(list(self.values.values()))

    @property
    def expected(self) -> int:
        """How many runs were asked for."""
        return len(self.runs)

    @property
    def complete(self) -> bool:
        """Whether every run that was asked for has its number."""
        return 0 < self.expected == self.summary.n

    @property
    def radius_stayed(self) -> bool:
        """Whether every radius that was learned in these runs ended within 1 % of its start."""
        moved = [moved for run in self.runs if (moved := run.radius_moved) is not None]
        return bool(moved) and max(moved) < STAYED

    @property
    def run_ids(self) -> list[str]:
        """The runs the mean is taken over."""
        return [run.id for run in self.runs if run.value(self.metric) is not None]

    @property
    def missing(self) -> list[str]:
        """The runs still to be made: not trained, interrupted or unreadable."""
        return self.ids(*TO_DO)

    @property
    def diverged(self) -> list[str]:
        """The runs whose training stopped being finite."""
        return self.ids("diverged")

    def ids(self, *states: State) -> list[str]:
        """Return the ids of the runs in these states."""
        return [run.id for run in self.runs if run.state in states]


@dataclass(frozen=True)
class Grid:
    """A table as numbers: every cell of `rows` × `columns`, both in the order of the params file."""

    table: Pivot
    rows: tuple[object, ...]
    columns: tuple[Key, ...]
    cells: dict[tuple[object, Key], Group]
    order: tuple[str, ...]
    """the addresses of its cells in the order of the params file"""

    def row(self, row: object) -> list[Group]:
        """Return the cells of one row."""
        return [self.cells[row, column] for column in self.columns]

    def column(self, column: Key) -> list[Group]:
        """Return the cells of one column."""
        return [self.cells[row, column] for row in self.rows]

    @property
    def runs(self) -> list[Outcome]:
        """Every run of the table."""
        return [run for cell in self.cells.values() for run in cell.runs]


def _last_values(grid: Grid) -> list[object]:
    return list(dict.fromkeys(column[-1] for column in grid.columns))


def _blocks(grid: Grid, cells: dict[tuple[object, Key], Cell]) -> Iterator[Block]:
    """Yield a block per value of the first of two column fields."""
    for outer in dict.fromkeys(column[:-1] for column in grid.columns):
        columns = [(*outer, value) for value in _last_values(grid)]
        rows = [
            (
                value_title(grid.table.rows, row),
                tuple(cells.get((row, column), Cell("")) for column in columns),
            )
            for row in grid.rows
        ]
        yield Block(value_title(grid.table.columns[0], outer[0]) if outer else "", tuple(rows))


def measured(cell: Group, quantity: Quantity) -> str:
    """Return mean ± sd as printed, or the word for why there is none."""
    if cell.summary.n:
        return _plus_minus(cell.summary.mean, cell.summary.sd, quantity.decimals)
    if cell.diverged:
        return "diverged"
    return "—"


def _marked(cell: Group, quantity: Quantity) -> str:
    return measured(cell, quantity) + FIXED * cell.radius_stayed


def _plus_minus(mean: float, sd: float, decimals: int) -> str:
    return f"{mean:.{decimals}f}" + (f" ± {sd:.{decimals}f}" if sd == sd else "")


def _cell(cell: Group, quantity: Quantity, best: bool, best_of_group: bool) -> Cell:
    if not cell.expected:
        return Cell("")
    published = None if cell.stand_in else cell.published
    paper = f"{published.mean:.2f} ± {published.sd:.2f}" if published else ""
    runs = tuple(run.id for run in cell.runs)
    written = _marked(cell, quantity), _count_note(cell), paper
    return Cell(*written, best, best_of_group, _hover(cell, quantity), runs, cell.address)


def _count_note(cell: Group) -> str:
    """Say `n=1 of 2` where not every run has its number, unless the text says it all."""
    n, diverged = cell.summary.n, len(cell.diverged)
    if n == cell.expected or (n == 0 and diverged in (0, cell.expected)):
        return ""
    return f"n={n} of {cell.expected}" + (f", {diverged} diverged" if diverged else "")


def _hover(cell: Group, quantity: Quantity) -> str:
    low, high = cell.summary.interval()
    parts = [f"n = {cell.summary.n} of {cell.expected}"]
    if low == low:
        low, high = _possible(low, high, cell.metric)
        parts.append(f"95 % interval {low:.{quantity.decimals}f} to {high:.{quantity.decimals}f}")
    if cell.published:
        published = cell.published
        parts.append(f"paper {published.mean:.2f} ± {published.sd:.2f}, n = {published.n}")
    parts += [f"{run.id}" + (f" ({run.state})" if run.state != "finished" else "") for run in cell.runs]
    return "\n".join(parts)


def _possible(low: float, high: float, metric: str) -> tuple[float, float]:
    """Cut an interval to what a percentage can be: its t quantile knows no 100 %."""
    if QUANTITIES[metric].unit != "%":
        return low, high
    return max(low, -100.0 if metric in SIGNED else 0.0), min(high, 100.0)


def _best(cells: Sequence[Group], quantity: Quantity) -> set[object]:
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
            f"{FIXED} The learned radius ended within 1 % of its start in every run: "
            "trained with a fixed radius, at the cost of a learned one."
        )
    if published := {cell.published.n for cell in cells if cell.published and not cell.stand_in}:
        seeds = " or ".join(map(str, sorted(published)))
        notes.append(f"Small print below our numbers: Table {grid.table.paper} of the paper, n = {seeds}.")
    notes.append(
        stand_in_note((run for cell in cells if cell.published for run in cell.runs), params.stand_ins)
    )
    return [note for note in [*notes, *absent_notes(grid.runs)] if note]


def _csv(name: str, grid: Grid) -> Csv:
    """Return one line per cell of a grid; run ids are separated by blanks."""
    columns = [f"column.{field}" for field in grid.table.columns]
    numbers = ["metric", "mean", "sd", "n", "expected", "paper_mean", "paper_sd"]
    header = ["table", f"row.{grid.table.rows}", *columns, *numbers, "missing", "diverged", "runs"]
    records = []
    for cell in (cell for cell in grid.cells.values() if cell.expected):
        paper = (cell.published.mean, cell.published.sd) if cell.published else (None, None)
        lists = (cell.missing, cell.diverged, cell.run_ids)
        summary = cell.summary
        counted = (cell.metric, summary.mean, summary.sd, summary.n, cell.expected, *paper)
        records.append(Record([name, cell.row, *cell.column, *counted, *map(" ".join, lists)], cell.address))
    return Csv(header, records)
