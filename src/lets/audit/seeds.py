"""Check: runs that differ only in their seed are different trainings, each from the seeds that its id gives."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged, shared
from lets.runs import RunRecord

STEPS = 100
"""compared at the beginning of two trainings"""
SAME = 1e-3
"""Relative: the losses of one training on two machines differ by 1e-4 and less at first, those of two by 1e-1."""


def check_seeds(case: Case) -> Check:
    """No run is a copy of another seed's run, not even a slightly changed one."""
    failures = [finding for record in case.complete() for finding in _recorded(case, record)]
    for runs in _repetitions(case).values():
        traces = {run: case.records[run].trace()["loss"][:STEPS] for run in runs}
        for one, other in combinations(runs, 2):
            failures += _pair(case, one, other, traces)
    examined = len(case.complete())
    return Check("seeds", "trainings that differ only in their seed", examined, tuple(failures))


def _recorded(case: Case, record: RunRecord) -> Iterator[Finding]:
    said, given = record.provenance.seeds, case.matrix.runs[record.id].seeds()
    if said != given:
        wrong = ", ".join(sorted(name for name in given if said.get(name) != given[name])) or "others besides"
        yield damaged(case, record.id, f"provenance.json has other seeds than its id gives: {wrong}")


def _repetitions(case: Case) -> dict[str, list[str]]:
    """Runs by everything but their seed; those that say themselves whose copy they are, the matrix names."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in filter(_itself, case.complete()):
        found[case.matrix.runs[record.id].model_copy(update={"seed": 0}).canonical()].append(record.id)
    return found


def _itself(record: RunRecord) -> bool:
    return {record.spec.id, record.metrics.run, record.provenance.run} == {record.id}


def _pair(case: Case, one: str, other: str, traces: dict[str, Any]) -> Iterator[Finding]:
    first, second = case.contents[one], case.contents[other]
    if names := [name for name in first if first[name] == second.get(name)]:
        yield from shared(case, one, other, f"the {' and '.join(names)} of another seed")
    elif _alike(traces[one], traces[other]):
        yield from shared(case, one, other, "almost the losses of another seed")


def _alike(one: Any, other: Any) -> bool:
    """Whether most steps of two trainings have the same loss."""
    steps = min(len(one), len(other))
    return bool(steps and numpy.isclose(one[:steps], other[:steps], rtol=SAME, atol=0).mean() > 0.5)
