"""A comparison in words: one sentence first, then counts, and what differs by name; for a terminal, a page, as csv."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from lets.compare.agreement import METRIC, Agreement, CellPair, MethodShift, RunPair, ended
from lets.compare.trees import Comparison
from lets.config.labels import value_title
from lets.config.paths import compared
from lets.files import write_text
from lets.page.page import render_page
from lets.project import Project
from lets.runs.metrics import QUANTITIES
from lets.tables.notes import p_text
from lets.tables.table import Block, Cell, Csv, Record, Row, Table

SHOWN = 10
"""runs and cells named; the csv has them all"""
FEW = 3
"""of those that have no counterpart"""


def comparison_text(found: Comparison) -> str:
    """Return the sentence, and below it what it rests on."""
    return "\n".join([sentence(found), "", *_counts(found), "", *_details(found)]).rstrip() + "\n"


def sentence(found: Comparison) -> str:
    """Return what the comparison comes to."""
    runs, compared = found.runs, len(found.runs.compared)
    of = f"{compared} of {len(runs.pairs)} runs"
    if not found.reproduced:
        return f"Not reproduced: {_causes(found)} beyond chance ({of} compared with {found.reference})."
    if found.identical:
        return f"Reproduced to the last digit: {of}, compared with {found.reference}."
    return (
        f"Reproduced within the scatter of seeds: {of}, compared with {found.reference}; {_verdicts(found)}."
    )


def comparison_csv(found: Comparison) -> str:
    """Return one line per run."""
    header = ["run", "agreement", "here", "reference", "difference", "scatter_of_seeds"]
    lines = [
        [
            pair.id,
            pair.agreement,
            pair.here.get(METRIC),
            pair.there.get(METRIC),
            pair.difference,
            pair.scatter,
        ]
        for pair in found.runs.pairs
    ]
    return Csv(header, [Record(line) for line in lines]).text()


def write_comparison(found: Comparison, project: Project) -> Path:
    """Write the report's page with the comparison on it, and the csv beside it; return the path of the page."""
    folder = compared(project.layout)
    home = f"{Path(os.path.relpath(project.layout.reports, folder)).as_posix()}/"
    page = render_page(project, comparison=comparison_table(found), home=home)
    write_text(folder / "runs.csv", comparison_csv(found))
    write_text(folder / "index.html", page)
    return folder / "index.html"


def _causes(found: Comparison) -> str:
    parts = []
    if shifted := found.runs.shifted:
        names = ", ".join(value_title("method", one.method) for one in shifted)
        parts.append(f"{names} differ{'s' if len(shifted) == 1 else ''}")
    if different := found.runs.different:
        parts.append(
            f"{len(different)} run{'s' if len(different) > 1 else ''} differ{'' if len(different) > 1 else 's'}"
        )
    return " and ".join(parts)


def _verdicts(found: Comparison) -> str:
    total = found.verdicts.same + len(found.verdicts.other)
    return f"{found.verdicts.same} of {total} verdicts on the paper's claims are the same"


def _counts(found: Comparison) -> Iterator[str]:
    yield f"{'':18}{'runs':>8}{'cells':>8}"
    runs, cells = found.runs.counts, found.cell_counts
    for agreement in Agreement:
        if runs[agreement] or cells[agreement]:
            yield f"{agreement:18}{runs[agreement]:8}{cells[agreement]:8}"


def _details(found: Comparison) -> Iterator[str]:
    yield from _median(found)
    yield _verdicts(found) + "".join(
        f"\n  {claim}: {here} here, {there} there" for claim, here, there in found.verdicts.other
    )
    for table, moved in found.ranks.items():
        places = ", ".join(f"{value_title('method', name)} {b} → {a}" for name, (a, b) in moved.items())
        said = f"{len(moved)} methods have another place: {places}" if moved else "the same order"
        yield f"{table}: {said}"
    yield from (_shift(one) for one in found.runs.shifted)
    yield from _named("differs", found.runs.different)
    yield from _alone(found.runs.pairs)
    if found.outdated:
        verb = "was" if found.outdated == 1 else "were"
        yield (
            f"{found.outdated} of the runs here {verb} made by other code than is here now: "
            "what that computes is not compared"
        )
    if here_and_there := _machines(found):
        here, there = here_and_there
        yield f"made on other machines: {here} here, {there} there"
    for name, (here, there) in found.packages.items():
        yield f"made with another {name}: {here} here, {there} there"


def _machines(found: Comparison) -> tuple[str, str] | None:
    """Return where the runs were made here and there, if there it is known and another."""
    here, there = found.machines
    return (here or "unknown, run  lets audit", there) if there and here != there else None


def _median(found: Comparison) -> Iterator[str]:
    differences = sorted(abs(pair.difference) for pair in found.runs.compared if pair.difference is not None)
    if differences:
        middle, within = differences[len(differences) // 2], sum(one <= 1 for one in differences)
        label = QUANTITIES[METRIC].title.lower()
        yield f"{label}: median difference {middle:.2f} points; {within} of {len(differences)} within one point"


def _shift(one: MethodShift) -> str:
    mean, (low, high) = one.paired.mean or 0.0, one.paired.interval() or (0.0, 0.0)
    title = value_title("method", one.method)
    return f"{title}: {mean:+.2f} points ({low:+.2f} to {high:+.2f}) over {one.paired.n} runs, Holm p {p_text(one.p)}"


def _named(word: str, pairs: list[RunPair]) -> Iterator[str]:
    for pair in pairs[:SHOWN]:
        here, there = (row.get(METRIC) or row.get("status", "") for row in (pair.here, pair.there))
        yield f"{word}: {pair.id}: {here[:7]} here, {there[:7]} there"
    if len(pairs) > SHOWN:
        yield f"… and {len(pairs) - SHOWN} more: --csv FILE has them all"


def _alone(pairs: Iterable[RunPair]) -> Iterator[str]:
    """Name the runs that have ended on one side alone, or on none."""
    lacking: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        if pair.agreement is Agreement.ALONE:
            sides = [side for side, row in (("here", pair.here), ("there", pair.there)) if not ended(row)]
            lacking[" and ".join(sides)].append(pair.id)
    for where, runs in lacking.items():
        more = f" and {len(runs) - FEW} more" if len(runs) > FEW else ""
        yield f"not compared, because they have not ended {where}: {', '.join(runs[:FEW])}{more}"


def comparison_table(found: Comparison) -> Table:
    """Return what differs as a table for the page, the sentence being its title: a block per kind of thing."""
    blocks = [
        Block("Made with", tuple(_made_with(found))),
        Block(
            "Verdicts on the paper's claims", tuple(_row(name, *both) for name, *both in found.verdicts.other)
        ),
        Block("Places in a ranking", tuple(_ranks(found))),
        Block("Methods whose runs differ to one side", tuple(map(_shift_row, found.runs.shifted))),
        Block("Runs", tuple(_run_row(pair) for pair in found.runs.pairs if pair.agreement in FAR)),
        Block("Cells", tuple(_cell_row(cell) for cell in found.cells if cell.agreement in FAR)),
    ]
    columns, notes = ("Here", "Reference", "Difference", "Agreement"), tuple(_notes(found))
    shown = tuple(block for block in blocks if block.rows)
    return Table("comparison", sentence(found), "What differs", columns, shown, notes, Csv((), ()), ())


FAR = (Agreement.DIFFERENT, Agreement.BEYOND)
"""agreements of runs and cells that are named one by one"""


def _row(title: str, *texts: str, runs: tuple[str, ...] = ()) -> Row:
    """Return a row; what is not told is left empty."""
    return title, tuple(Cell(text, runs=runs) for text in (*texts, "", "", "", "")[:4])


def _made_with(found: Comparison) -> Iterator[Row]:
    if machines := _machines(found):
        yield _row("Machines", *machines)
    yield from (_row(name, *versions) for name, versions in found.packages.items())


def _ranks(found: Comparison) -> Iterator[Row]:
    for table, moved in found.ranks.items():
        for name, (here, there) in moved.items():
            yield _row(f"{table}: {value_title('method', name)}", f"{here}", f"{there}", f"{here - there:+}")


def _shift_row(one: MethodShift) -> Row:
    mean, (low, high) = one.paired.mean or 0.0, one.paired.interval() or (0.0, 0.0)
    difference = f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"
    return _row(value_title("method", one.method), "", "", difference, f"Holm p {p_text(one.p)}")


def _run_row(pair: RunPair) -> Row:
    accuracies = [row.get(METRIC) for row in (pair.here, pair.there)]
    states = [row.get("status", "") for row in (pair.here, pair.there)]
    both = [f"{float(one):.2f}" if one else state for one, state in zip(accuracies, states, strict=True)]
    difference = "" if pair.difference is None else f"{pair.difference:+.2f}"
    return _row(pair.id, *both, difference, pair.agreement, runs=(pair.id,))


def _cell_row(cell: CellPair) -> Row:
    here, there = (float(row["mean"]) for row in (cell.here, cell.there or cell.here))
    runs = tuple(cell.here.get("runs", "").split())
    return _row(
        f"{cell.table}: {cell.address}",
        f"{here:.2f}",
        f"{there:.2f}",
        f"{here - there:+.2f}",
        cell.agreement,
        runs=runs,
    )


def _notes(found: Comparison) -> Iterator[str]:
    for name, counts in (("Runs", found.runs.counts), ("Cells", found.cell_counts)):
        told = ", ".join(f"{counts[one]} {one}" for one in Agreement if counts[one])
        yield f"{name}: {told}."
    yield from (f"{line}." for line in _median(found))
    yield f"{_verdicts(found)}."
    yield (
        "Held against the scatter of the reference's seeds, one run in twenty is beyond it by chance; different is "
        "what no chance explains. Of cells those are named that are means over seeds."
    )
