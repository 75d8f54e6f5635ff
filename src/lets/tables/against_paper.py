"""Every number of the paper beside the one of ours that stands for it, and how far they are apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from string import ascii_lowercase
from typing import Literal

from lets.config.labels import address, setting_title, value_title
from lets.config.matrix import SETTING
from lets.config.params import Params
from lets.config.run import RunSpec
from lets.config.selection import Selection, read_for
from lets.runs.outcomes import Records
from lets.stats.summary import Summary
from lets.tables.notes import absent_notes, scale
from lets.tables.pivot import Group, Pivot
from lets.tables.published import Published, Quoted, read_quoted
from lets.tables.table import Block, Cell, Csv, Record, Row, Table

COLUMNS = ("Paper", "Ours", "Difference", "z")


class AgainstPaper(Selection):
    """Every number that the tables of this file print beside one of the paper, and how far the two are apart."""

    kind: Literal["published"]

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return what the tables show that have numbers of the paper."""
        return frozenset(read_for(table.metric) for table in _with_paper(tables))

    def numbers(self, records: Records) -> "list[Compared]":
        """Return every pair of numbers that a table of this file prints, once, if all its runs are selected."""
        selected = {run.id for run in self.select(records.matrix)}
        quoted = read_quoted(records.layout.quoted)
        found: dict[Published, Compared] = {}
        for table in _with_paper(records.tables):
            for cell in table.grid(records).cells.values():
                if cell.published and {run.id for run in cell.runs} <= selected:
                    found.setdefault(cell.published, _compared(cell.published, cell, quoted, records.params))
        return sorted(found.values(), key=lambda one: one.published.table)

    def table(self, name: str, records: Records) -> Table:
        """Return a block per table of the paper, a row per number."""
        numbers = self.numbers(records)
        marks = _marks(numbers)
        rows: dict[str, list[Row]] = {}
        for one in numbers:
            rows.setdefault(_block_title(one), []).append((_row_title(one), tuple(_cells(one, marks))))
        blocks = tuple(Block(title, tuple(group)) for title, group in rows.items())
        notes = tuple(_notes(numbers, marks, records.params))
        runs = tuple(run for one in numbers for run in one.cell.runs)
        there = {one.address for one in numbers}
        order = [
            where for where in dict.fromkeys(map(_address, self.select(records.matrix))) if where in there
        ]
        csv, corner = _csv(name, numbers), "Test accuracy (%)"
        return Table(name, self.title, corner, COLUMNS, blocks, notes, csv, runs, order=order)


def _address(run: RunSpec) -> str:
    return address(("method", *SETTING), (run.method, *run.setting))


def _with_paper(tables: Mapping[str, Selection]) -> list[Pivot]:
    return [table for table in tables.values() if isinstance(table, Pivot) and table.paper]


@dataclass(frozen=True)
class Compared:
    """A number of the paper, the cell that stands for it, and why it is likely quoted from another setup, if it is."""

    published: Published
    cell: Group
    quoted: Quoted | None
    comparable: bool
    """whether the runs are trainings of the paper's size, on its data"""

    @property
    def address(self) -> str:
        """Method and setting: the rows of a method in a setting share it, whatever radius it starts from."""
        return _address(self.cell.runs[0].spec)

    @property
    def difference(self) -> float | None:
        """Our mean minus the paper's, in percentage points."""
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


def _compared(published: Published, cell: Group, quoted: tuple[Quoted, ...], params: Params) -> Compared:
    where = published.table, published.architecture, published.method
    reason = next((one for one in quoted if one.covers(*where)), None)
    stands_in = any({run.spec.dataset, run.spec.architecture} & params.stand_ins.keys() for run in cell.runs)
    return Compared(published, cell, reason, not (params.reduced or stands_in))


def _csv(name: str, numbers: Sequence[Compared]) -> Csv:
    """Return one line per number of the paper; run ids are separated by blanks."""
    theirs_header = [f"paper_{name}" for name in ("table", "dataset", "architecture", "mean", "sd", "n")]
    places = [f"row.{field}" for field in ("method", *SETTING)]
    header = ["table", *places, "variant", *theirs_header, "mean", "sd", "n", "expected"]
    header += ["difference", "z", "quoted", "runs"]
    records = []
    for one in numbers:
        theirs, ours, cell = one.published, one.cell.summary, one.cell
        place = [cell.runs[0].field(field) for field in ("method", *SETTING)]
        printed = [theirs.table, theirs.dataset, theirs.architecture, theirs.mean, theirs.sd, theirs.n]
        counted = [ours.mean, ours.sd, ours.n, cell.expected, one.difference, one.z]
        reason = one.quoted.reason if one.quoted else ""
        values = [name, *place, theirs.variant, *printed, *counted, reason, " ".join(cell.run_ids)]
        records.append(Record(values, one.address))
    return Csv(header, records)


def _block_title(one: Compared) -> str:
    """Return which table of the paper a number stands in."""
    return f"Table {one.published.table} of the paper"


def _row_title(one: Compared) -> str:
    """Return what a number is of, in the names of our runs: `LETS-ASAM, ρ₀ = 0.5, ResNet-18 on CIFAR-10`."""
    published, spec = one.published, one.cell.runs[0].spec
    field, _, value = published.variant.partition("=")
    variant = [f"ρ₀ = {value}" if field == "rho" else value_title(field, value)] if field else []
    setting = setting_title(*spec.setting)
    return ", ".join([value_title("method", published.method), *variant, setting])


def _cells(one: Compared, marks: dict[str, str]) -> Iterator[Cell]:
    runs = tuple(run.id for run in one.cell.runs)
    mark = f" [{marks[one.quoted.reason]}]" if one.quoted else ""
    theirs = Summary(one.published.n, one.published.mean, one.published.sd)
    short = "" if one.cell.summary.n == one.cell.expected else f"of {one.cell.expected}"
    words = (
        (_plus_minus(theirs) + mark, ""),
        (_plus_minus(one.cell.summary), short),
        ("—" if one.difference is None else f"{one.difference:+.2f}", ""),
        ("—" if one.z is None else f"{one.z:+.1f}", ""),
    )
    for text, note in words:
        yield Cell(text, note, runs=runs, address=one.address)


def _plus_minus(summary: Summary) -> str:
    """Mean ± sd and in brackets n."""
    if not summary.n:
        return "—"
    spread = f" ± {summary.sd:.2f}" if summary.n > 1 else ""
    return f"{summary.mean:.2f}{spread} ({summary.n})"


def _marks(numbers: Sequence[Compared]) -> dict[str, str]:
    reasons = dict.fromkeys(one.quoted.reason for one in numbers if one.quoted)
    return dict(zip(reasons, ascii_lowercase, strict=False))


def _notes(numbers: Sequence[Compared], marks: dict[str, str], params: Params) -> Iterator[str]:
    runs = [run for one in numbers for run in one.cell.runs]
    if stands := scale(runs, params):
        yield f"These are not the paper's experiments ({stands}): a difference says nothing, and there is no z."
    yield (
        "Mean ± sample standard deviation (ddof = 1), in brackets n. Difference: ours minus the paper's, in points. "
        "z: the difference over the root of the sum of both squared standard errors, sd²/n; — for fewer than two runs."
    )
    for reason, mark in marks.items():
        yield f"[{mark}] Likely quoted, and not trained in the paper's own setup: {reason}."
    yield from absent_notes(runs)
