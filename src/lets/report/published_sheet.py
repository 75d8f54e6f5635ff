"""The paper's numbers and ours in words: a block per table of the paper, a row per number."""

from collections.abc import Iterator, Sequence
from string import ascii_lowercase

from lets.report.labels import setting_title, value_title
from lets.report.notes import absent_notes, scale
from lets.report.sheet import Block, Entry, Row, Sheet
from lets.report.tidy import csv_text
from lets.results.against_paper import Beside
from lets.results.summary import Summary
from lets.spec import Params
from lets.spec.matches import SETTING
from lets.spec.params import AgainstPaper

COLUMNS = ("Paper", "Ours", "Difference", "z")


def published_sheet(name: str, item: AgainstPaper, numbers: Sequence[Beside], params: Params) -> Sheet:
    """Put the numbers into words."""
    marks = _marks(numbers)
    blocks: dict[str, list[Row]] = {}
    for one in numbers:
        blocks.setdefault(block_title(one), []).append((row_title(one), tuple(_entries(one, marks))))
    return Sheet(
        name,
        item.title,
        "Test accuracy (%)",
        COLUMNS,
        tuple(Block(title, tuple(rows)) for title, rows in blocks.items()),
        frozenset(),
        tuple(_notes(numbers, marks, params)),
    )


def published_csv(name: str, numbers: Sequence[Beside]) -> str:
    """Return one line per number of the paper; run ids are separated by blanks."""
    theirs_header = [f"paper_{name}" for name in ("table", "dataset", "architecture", "mean", "sd", "n")]
    places = [f"row.{field}" for field in ("method", *SETTING)]
    header = ["table", *places, "variant", *theirs_header, "mean", "sd", "n", "expected"]
    header += ["difference", "z", "quoted", "runs"]
    lines = []
    for one in numbers:
        theirs, ours, cell = one.published, one.cell.summary, one.cell
        place = [cell.runs[0].field(field) for field in ("method", *SETTING)]
        printed = [theirs.table, theirs.dataset, theirs.architecture, theirs.mean, theirs.sd, theirs.n]
        counted = [ours.mean, ours.sd, ours.n, cell.expected, one.difference, one.z]
        reason = one.quoted.reason if one.quoted else ""
        lines.append([name, *place, theirs.variant, *printed, *counted, reason, " ".join(cell.run_ids)])
    return csv_text(header, lines)


def block_title(one: Beside) -> str:
    """Return which table of the paper a number stands in."""
    return f"Table {one.published.table} of the paper"


def row_title(one: Beside) -> str:
    """Return what a number is of, in the names of our runs: `LETS-ASAM, ρ₀ = 0.5, ResNet-18 on CIFAR-10`."""
    published, spec = one.published, one.cell.runs[0].spec
    field, _, value = published.variant.partition("=")
    variant = [f"ρ₀ = {value}" if field == "rho" else value_title(field, value)] if field else []
    setting = setting_title(*spec.setting)
    return ", ".join([value_title("method", published.method), *variant, setting])


def _entries(one: Beside, marks: dict[str, str]) -> Iterator[Entry]:
    runs = tuple(run.id for run in one.cell.runs)
    mark = f" [{marks[one.quoted.reason]}]" if one.quoted else ""
    theirs = Summary(one.published.n, one.published.mean, one.published.sd)
    short = "" if one.cell.summary.n == one.cell.expected else f"of {one.cell.expected}"
    yield Entry(_plus_minus(theirs) + mark, runs=runs)
    yield Entry(_plus_minus(one.cell.summary), short, runs=runs)
    yield Entry("—" if one.difference is None else f"{one.difference:+.2f}", runs=runs)
    yield Entry("—" if one.z is None else f"{one.z:+.1f}", runs=runs)


def _plus_minus(summary: Summary) -> str:
    """Mean ± sd and in brackets n."""
    if not summary.n:
        return "—"
    spread = f" ± {summary.sd:.2f}" if summary.n > 1 else ""
    return f"{summary.mean:.2f}{spread} ({summary.n})"


def _marks(numbers: Sequence[Beside]) -> dict[str, str]:
    reasons = dict.fromkeys(one.quoted.reason for one in numbers if one.quoted)
    return dict(zip(reasons, ascii_lowercase, strict=False))


def _notes(numbers: Sequence[Beside], marks: dict[str, str], params: Params) -> Iterator[str]:
    runs = [run for one in numbers for run in one.cell.runs]
    if stands := scale(runs, params):
        yield f"These are not the paper's experiments ({stands}): a difference says nothing, and there is no z."
    yield (
        "Mean ± sample standard deviation (ddof = 1), in brackets n. Difference: ours less the paper's, in points. "
        "z: the difference over the root of the sum of both squared standard errors, sd²/n; — for less than two runs."
    )
    for reason, mark in marks.items():
        yield f"[{mark}] Likely quoted, and not trained in the paper's own setup: {reason}."
    yield from absent_notes(runs)
