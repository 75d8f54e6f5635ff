"""What the audit says about each printed place."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from lets.audit.case import Case
from lets.audit.findings import Finding
from lets.audit.printed import Printed
from lets.records import Status


class Verdict(StrEnum):
    """How far a printed number is backed."""

    VERIFIED = "verified"
    """its runs are finished, their bytes and numbers are right, and it follows from them"""
    BY_WEIGHTS = "verified-by-weights"
    """and at least one of its runs was evaluated again from its weights"""
    INCOMPLETE = "incomplete"
    """a run is missing or diverged"""
    MISMATCH = "mismatch"
    """a run is damaged, or what is printed does not follow from the runs"""


@dataclass(frozen=True)
class Judged:
    """A printed place and its verdict."""

    printed: Printed
    verdict: Verdict


def judge(case: Case, failures: Collection[Finding], confirmed: Collection[str]) -> tuple[Judged, ...]:
    """Return the verdict of every printed place; `confirmed` runs gave their numbers again from weights."""
    mismatched = {cell for finding in failures if not _only_missing(case, finding) for cell in finding.cells}
    return tuple(Judged(one, _verdict(case, one, mismatched, confirmed)) for one in case.printed)


def _only_missing(case: Case, finding: Finding) -> bool:
    return case.states.get(finding.run) is Status.MISSING


def _verdict(case: Case, one: Printed, mismatched: Collection[str], confirmed: Collection[str]) -> Verdict:
    states = {case.states[run] for run in one.runs}
    if Status.MISSING in states:
        return Verdict.INCOMPLETE
    if one.name in mismatched:
        return Verdict.MISMATCH
    if states != {Status.FINISHED}:
        return Verdict.INCOMPLETE
    return Verdict.BY_WEIGHTS if set(confirmed) & set(one.runs) else Verdict.VERIFIED
