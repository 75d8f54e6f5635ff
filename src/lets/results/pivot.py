"""Runs pivoted into the rows and columns of a table."""

from dataclasses import dataclass
from functools import cached_property

from lets.results.outcomes import TO_DO, Outcome, State, read_outcome
from lets.results.published import Published, find_published, read_published
from lets.results.quantities import ACCURACIES
from lets.results.repeats import Key, in_order, repeats
from lets.results.summary import Summary
from lets.spec import Layout, Matrix, Params, RunSpec
from lets.spec.params import Table

STAYED = 0.01
"""A learned radius that moves by less, relative to its start, is a fixed one."""


@dataclass(frozen=True)
class Cell:
    """All seeds of one variant, and the number the paper prints in this place, if any.

    `row` and every element of `column` are field values (`sam`, `0.05`); `runs` lists every run asked for.
    """

    row: object
    column: Key
    metric: str
    runs: tuple[Outcome, ...] = ()
    published: Published | None = None

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

    table: Table
    rows: tuple[object, ...]
    columns: tuple[Key, ...]
    cells: dict[tuple[object, Key], Cell]

    def row(self, row: object) -> list[Cell]:
        """Return the cells of one row."""
        return [self.cells[row, column] for column in self.columns]

    def column(self, column: Key) -> list[Cell]:
        """Return the cells of one column."""
        return [self.cells[row, column] for row in self.rows]

    @property
    def runs(self) -> list[Outcome]:
        """Every run of the table."""
        return [run for cell in self.cells.values() for run in cell.runs]


def pivot(table: Table, params: Params, matrix: Matrix, layout: Layout) -> Grid:
    """Read the runs of a table into its grid; raises SpecError if a cell mixes variants."""
    specs = matrix.select(table)
    groups = repeats((read_outcome(spec, layout) for spec in specs), (table.rows, *table.columns))
    numbers = read_published(layout.published) if table.paper and table.metric in ACCURACIES else ()
    rows = tuple(dict.fromkeys(key[0] for key in groups))
    columns = tuple(in_order(key[1:] for key in groups))
    cells = {}
    for row in rows:
        for column in columns:
            runs = tuple(groups.get((row, *column), ()))
            published = _beside(numbers, table.paper, [run.spec for run in runs], params.stand_ins)
            cells[row, column] = Cell(row, column, table.metric, runs, published)
    return Grid(table, rows, columns, cells)


def _beside(
    numbers: tuple[Published, ...], table: int | None, specs: list[RunSpec], stand_ins: dict[str, str]
) -> Published | None:
    return find_published(numbers, table, specs[0], stand_ins) if specs else None
