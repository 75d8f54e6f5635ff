"""What the audit says about each printed place, and about each table, figure and document."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lets.audit.case import Case
from lets.audit.findings import Finding
from lets.audit.printed import Printed
from lets.records import Status
from lets.spec.params import Analysis

CHECKS = {"landscape": "landscapes", "sharpness": "sharpness", "hypergradient": "hypergradients"}
"""kind of analysis → the check that computes it again, as far as one does"""


class Verdict(StrEnum):
    """How far a printed number is backed, the worst first."""

    MISMATCH = "mismatch"
    """a run is damaged, or what is printed does not follow from the runs"""
    MISSING = "missing"
    """a run, an analysis or the file itself is not there"""
    EXECUTED = "executed but unverified"
    """it follows from runs that are whole; not all of them were computed again, or one diverged"""
    VERIFIED = "verified"
    """and the weights of all its runs, or its analyses, gave their numbers again"""


@dataclass(frozen=True)
class Judged:
    """A printed place and its verdict."""

    printed: Printed
    verdict: Verdict


@dataclass(frozen=True)
class Judgement:
    """Every printed place; every table, figure and document: no better than its worst place or file."""

    places: tuple[Judged, ...]
    items: dict[str, Verdict]


def judge(case: Case, failures: Collection[Finding], confirmed: Mapping[str, frozenset[str]]) -> Judgement:
    """Return all verdicts; `confirmed` are the runs that gave their numbers again, by the name of the check."""
    wrong = {cell for finding in failures if not _absent(case, finding) for cell in finding.cells}
    absent = {cell for finding in failures if _absent(case, finding) for cell in finding.cells}
    places = tuple(
        Judged(one, _verdict(case, one, wrong, absent, confirmed[_check(case, one.item)]))
        for one in case.printed
    )
    items = {
        name: _worst(case, name, places, failures) for name in dict.fromkeys(one.item for one in case.printed)
    }
    whole = confirmed["weights"].issuperset(case.matrix.runs)
    return Judgement(places, items | _documents(case, places, failures, whole))


def _absent(case: Case, finding: Finding) -> bool:
    """Whether nothing is wrong with what the finding is about but that it is not there."""
    return finding.make == case.make and not (finding.remove or finding.again or finding.aside)


def _check(case: Case, name: str) -> str:
    """The check that computes again what a table or figure rests on."""
    item = {**case.params.tables, **case.params.figures}.get(name)
    return CHECKS[item.kind] if isinstance(item, Analysis) else "weights"


def _verdict(
    case: Case, one: Printed, wrong: set[str], absent: set[str], confirmed: frozenset[str]
) -> Verdict:
    states = {case.states[run] for run in one.runs}
    if Status.MISSING in states:
        return Verdict.MISSING
    if one.name in wrong:
        return Verdict.MISMATCH
    if one.name in absent:
        return Verdict.MISSING
    return Verdict.VERIFIED if confirmed.issuperset(one.runs) else Verdict.EXECUTED


def _worst(case: Case, name: str, places: Iterable[Judged], failures: Iterable[Finding]) -> Verdict:
    """A table or figure may be wrong outside of its places: in a title, or in a file that is not there."""
    files = {name, *map(str, case.layout.tables(name)), *map(str, case.layout.figures(name))}
    found = [one.verdict for one in places if one.printed.item == name]
    for finding in failures:
        if finding.subject in files:
            found.append(Verdict.MISSING if _absent(case, finding) else Verdict.MISMATCH)
    return min(found, key=list(Verdict).index)


def _documents(
    case: Case, places: Iterable[Judged], failures: Iterable[Finding], whole: bool
) -> dict[str, Verdict]:
    """What repeats the numbers of all runs is no better than any place; `whole`: all runs gave theirs again."""
    layout = case.layout
    found = {place.verdict for place in places} & {Verdict.MISMATCH, Verdict.MISSING}
    best = min(found, key=list(Verdict).index, default=Verdict.VERIFIED if whole else Verdict.EXECUTED)
    wrong = {finding.subject for finding in failures}
    documents = (
        layout.claims,
        layout.claims_csv,
        layout.summary,
        layout.long_table,
    )  # the page is written after
    return {
        path.name: Verdict.MISMATCH if str(path) in wrong else best for path in documents if path.is_file()
    }
