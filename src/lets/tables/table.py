"""A table in words: the one thing that Markdown, LaTeX, HTML and csv are made of. Every cell knows its address."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lets.runs.outcomes import Outcome

Line = tuple[str, tuple[str, ...]]
"""of a file: its text, and the address of each of its fields, empty where a field is none of the cells"""


@dataclass(frozen=True)
class Cell:
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
    address: str = ""
    """where in its table it is, for people: `LETS-SAM × ResNet-18`; cells that rest on the same runs may share one"""


Row = tuple[str, tuple[Cell, ...]]
"""title and cells"""


@dataclass(frozen=True)
class Block:
    """The rows below one value of the first of two column fields; the only block of a table has no title."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Record:
    """A line of csv: its values, its address, and the columns that have another one."""

    values: Sequence[object]
    address: str = ""
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Csv:
    """A csv file before it is text."""

    header: Sequence[str]
    records: Sequence[Record]

    def lines(self) -> Iterator[Line]:
        """Yield every line; floats read back as they were, None and NaN become empty fields."""
        yield _csv_line(self.header), ()
        for record in self.records:
            addresses = (record.others.get(name, record.address) for name in self.header)
            yield _csv_line([_written(value) for value in record.values]), tuple(addresses)

    def text(self) -> str:
        """Return the file."""
        return "".join(f"{line}\n" for line, _ in self.lines())


@dataclass(frozen=True)
class Table:
    """A table in words, in the paper's shape, and the same numbers at full precision as csv."""

    name: str
    title: str
    corner: str
    """heads the row titles"""
    columns: tuple[str, ...]
    blocks: tuple[Block, ...]
    """two column fields, as in Table 4, become blocks × columns"""
    notes: tuple[str, ...]
    csv: Csv
    runs: tuple[Outcome, ...]
    """those it was asked to show"""
    rules: frozenset[int] = frozenset()
    """rows of a block that a new comparison group begins with"""
    order: Sequence[str] = ()
    """of its addresses, if it is not that of the cells"""

    @property
    def addresses(self) -> dict[str, tuple[str, ...]]:
        """Every address, and the runs behind all of its cells."""
        found: dict[str, tuple[str, ...]] = {}
        for cell in (cell for block in self.blocks for _, row in block.rows for cell in row if cell.address):
            found[cell.address] = tuple(dict.fromkeys((*found.get(cell.address, ()), *cell.runs)))
        return {address: found[address] for address in self.order or found}


def corrected_address(address: str) -> str:
    """Return where what Holm's correction makes of a row is: it rests on all runs of its family."""
    return f"{address} × Holm"


def computed(value: float | None) -> float | None:
    """Return six digits of a quantile or a p: its last ones depend on the mathematics library of a machine."""
    return None if value is None else float(f"{value:.6g}")


def _csv_line(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()


def _written(value: object) -> str:
    if value is None or value != value:
        return ""
    return repr(value) if isinstance(value, float) else str(value)
