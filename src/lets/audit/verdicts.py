"""Verdicts of the audit: on each printed cell, and on each table, figure and document."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lets.audit.context import Context, PrintedCell
from lets.audit.findings import Check, Finding
from lets.claims.file import read_claims, shown_by
from lets.errors import LetsError
from lets.project.params import ANALYSES
from lets.runs import Status

CHECKS = {
    "final": "weights",
    "schedule": "schedule",
    "passes": "passes",
    "radius": "radius",
    "landscape": "landscapes",
    "sharpness": "sharpness",
    "hypergradient": "hypergradients",
}
"""what is read of a run (`PrintedCell.reads`) → the check that recomputes it, as far as one does"""
RECORD = frozenset({"final", "course", "passes", "radius"})
"""what the tables of all runs repeat"""


class Verdict(StrEnum):
    """How far a printed number is backed, the worst first."""

    MISMATCH = "mismatch"
    """a run is damaged, or what is printed does not follow from the runs"""
    MISSING = "missing"
    """a run, an analysis or the file itself is not there"""
    EXECUTED = "executed but unverified"
    """it follows from runs that are whole; not all that it shows of them was recomputed (one may have diverged)"""
    VERIFIED = "verified"
    """and all that it shows of its runs was recomputed"""


@dataclass(frozen=True)
class Judged:
    """A printed cell and its verdict."""

    cell: PrintedCell
    verdict: Verdict


@dataclass(frozen=True)
class Judgement:
    """Every printed cell; every table, figure and document: no better than its worst cell or file."""

    cells: tuple[Judged, ...]
    items: dict[str, Verdict]


@dataclass(frozen=True)
class Evidence:
    """What was recomputed, and came out the same: runs by the name of the check, and by training them again."""

    context: Context
    confirmed: Mapping[str, frozenset[str]]
    repeated: frozenset[str]
    uncompared: frozenset[str]
    """cells that are part of what could not be compared"""

    @classmethod
    def of(cls, context: Context, checks: Collection[Check]) -> "Evidence":
        """Collect that of all checks."""
        confirmed = {check.name: check.confirmed for check in checks}
        repeated = frozenset[str]().union(*(check.repeated for check in checks))
        return cls(
            context, confirmed, repeated, frozenset[str]().union(*(check.uncompared for check in checks))
        )

    def covers(self, runs: Iterable[str], reads: Collection[str]) -> bool:
        """Return whether all that is read of these runs was recomputed."""
        return all(self._covers(run, what) for run in runs for what in reads)

    def _covers(self, run: str, what: str) -> bool:
        if run in self.repeated and what not in ANALYSES:
            return True
        training = self.context.matrix.runs[run].training
        if what == "course" and training.epochs == training.measure_every:  # measured once, at the end
            what = "final"
        return run in self.confirmed.get(CHECKS.get(what, ""), ())


def judge(context: Context, failures: Collection[Finding], checks: Collection[Check]) -> Judgement:
    """Return all verdicts, none stronger than what the checks recomputed."""
    evidence = Evidence.of(context, checks)
    wrong = {cell for finding in failures if not is_absent(context, finding) for cell in finding.cells}
    absent = {cell for finding in failures if is_absent(context, finding) for cell in finding.cells}
    cells = tuple(Judged(one, _verdict(context, one, wrong, absent, evidence)) for one in context.cells)
    items = {
        name: _worst(context, name, cells, failures)
        for name in dict.fromkeys(one.item for one in context.cells)
    }
    return Judgement(cells, items | _documents(context, cells, failures, evidence))


def is_absent(context: Context, finding: Finding) -> bool:
    """Return whether nothing is wrong with what the finding is about but that it is not there."""
    return finding.absent or (
        finding.make == context.make and not (finding.remove or finding.force or finding.aside)
    )


def _verdict(
    context: Context, one: PrintedCell, wrong: set[str], absent: set[str], evidence: Evidence
) -> Verdict:
    states = {context.states[run] for run in one.runs}
    if Status.MISSING in states:
        return Verdict.MISSING
    if one.name in wrong:
        return Verdict.MISMATCH
    if one.name in absent:
        return Verdict.MISSING
    compared = one.name not in evidence.uncompared
    return Verdict.VERIFIED if compared and evidence.covers(one.runs, one.reads) else Verdict.EXECUTED


def _worst(context: Context, name: str, cells: Iterable[Judged], failures: Iterable[Finding]) -> Verdict:
    """A table or figure may be wrong outside of its cells: in a title, or in a file that is not there."""
    files = {name, *map(str, context.layout.tables(name)), *map(str, context.layout.figures(name))}
    found = [one.verdict for one in cells if one.cell.item == name]
    for finding in failures:
        if finding.subject in files:
            found.append(Verdict.MISSING if is_absent(context, finding) else Verdict.MISMATCH)
    return min(found, key=list(Verdict).index)


def _documents(
    context: Context, cells: Iterable[Judged], failures: Iterable[Finding], evidence: Evidence
) -> dict[str, Verdict]:
    """What repeats numbers of all runs is no better than any cell, and than what was recomputed of them."""
    layout = context.layout
    found = {one.verdict for one in cells} & {Verdict.MISMATCH, Verdict.MISSING}
    wrong = {finding.subject for finding in failures}
    claimed = _claimed(context)
    read = {  # the page is written after
        layout.claims: claimed,
        layout.claims_csv: claimed,
        layout.summary: RECORD,
        layout.long_table: RECORD,
    }
    verdicts = {}
    for path, reads in read.items():
        if str(path) in wrong:
            verdicts[path.name] = Verdict.MISMATCH if path.is_file() else Verdict.MISSING
        elif path.is_file():
            best = _best(context, reads, evidence)
            verdicts[path.name] = min(found, key=list(Verdict).index, default=best)
    return verdicts


def _best(context: Context, reads: Collection[str], evidence: Evidence) -> Verdict:
    return Verdict.VERIFIED if evidence.covers(context.matrix.runs, reads) else Verdict.EXECUTED


def _claimed(context: Context) -> frozenset[str]:
    """Return what the claims of the paper are about; of a file that cannot be read, more than anybody can recompute."""
    try:
        return frozenset(shown_by(claim) for claim in read_claims(context.layout.paper_claims).values())
    except LetsError:
        return frozenset({"claims"})
