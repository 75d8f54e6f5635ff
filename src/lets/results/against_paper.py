"""Every number of the paper beside the one of ours that stands for it, and how far they are apart."""

from dataclasses import dataclass
from math import sqrt

from lets.results.pivot import Cell, pivot
from lets.results.published import Published
from lets.results.summary import Summary
from lets.spec import Layout, Matrix, Params
from lets.spec.params import AgainstPaper, Table
from lets.spec.quoted import Quoted, read_quoted


@dataclass(frozen=True)
class Beside:
    """A number of the paper, the cell that stands for it, and why it is likely quoted from another setup, if it is."""

    published: Published
    cell: Cell
    quoted: Quoted | None
    comparable: bool
    """whether the runs are trainings of the paper's size, on its data"""

    @property
    def difference(self) -> float | None:
        """Our mean less the paper's, in percentage points."""
        return self.cell.summary.mean - self.published.mean if self.cell.summary.n else None

    @property
    def z(self) -> float | None:
        """The difference over the root of the sum of both squared standard errors, sd²/n.

        None where it would mean nothing: a stand-in, fewer than two runs of either, no spread in both.
        """
        if not self.comparable or self.difference is None or min(self.cell.summary.n, self.published.n) < 2:
            return None
        theirs = Summary(self.published.n, self.published.mean, self.published.sd)
        error = sqrt(sum(one.sd**2 / one.n for one in (self.cell.summary, theirs)))
        return self.difference / error if error else None


def beside_paper(item: AgainstPaper, params: Params, matrix: Matrix, layout: Layout) -> list[Beside]:
    """Return every pair of numbers that a table of this file prints, once, if all its runs are selected."""
    selected = {run.id for run in matrix.select(item)}
    quoted = read_quoted(layout.quoted)
    found: dict[Published, Beside] = {}
    for table in params.tables.values():
        if isinstance(table, Table) and table.paper:
            for cell in pivot(table, params, matrix, layout).cells.values():
                if cell.published and {run.id for run in cell.runs} <= selected:
                    found.setdefault(cell.published, _beside(cell.published, cell, quoted, params))
    return sorted(found.values(), key=lambda one: one.published.table)


def _beside(published: Published, cell: Cell, quoted: tuple[Quoted, ...], params: Params) -> Beside:
    where = published.table, published.architecture, published.method
    reason = next((one for one in quoted if one.covers(*where)), None)
    stands_in = any({run.spec.dataset, run.spec.architecture} & params.stand_ins.keys() for run in cell.runs)
    return Beside(published, cell, reason, not (params.reduced or stands_in))
