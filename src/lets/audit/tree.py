"""Check: the matrix of the params file against the tree of run folders and analyses."""

import os
from collections.abc import Iterator
from pathlib import Path

from lets.audit.analyses import asked, wrong
from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged, stray
from lets.errors import RecordError
from lets.records import RunRecord, Status
from lets.spec.params import Analysis, Hypergradient, Landscape, Sharpness

ANALYSES: tuple[type[Analysis], ...] = (Landscape, Sharpness, Hypergradient)


def check_tree(case: Case) -> Check:
    """Every run that is asked for is there and is what its id says; nothing else is there."""
    failures = [finding for record in case.records.values() for finding in _run(case, record)]
    failures += _extra(case)
    failures += [finding for kind in ANALYSES for finding in _not_computed(case, kind)]
    return Check(
        "matrix", "runs and analyses asked for against what is there", len(case.records), tuple(failures)
    )


def _run(case: Case, record: RunRecord) -> Iterator[Finding]:
    state = case.states[record.id]
    if state is Status.MISSING:
        yield Finding(record.id, "not trained yet", case.cells_of(record.id), record.id, (), case.make)
    elif state is Status.PARTIAL:
        yield damaged(case, record.id, f"half a folder: no {', '.join(record.absent)}")
    elif isinstance(state, RecordError):
        yield damaged(case, record.id, f"unreadable: {state}")
    else:
        yield from _identity(case, record)


def _identity(case: Case, record: RunRecord) -> Iterator[Finding]:
    """The folder's name must follow from the spec inside it, and every file must name the same run."""
    if record.spec != case.matrix.runs[record.id]:
        yield damaged(case, record.id, f"run.json is the spec of another run, {record.spec.id}")
    for name, run in (("metrics.json", record.metrics.run), ("provenance.json", record.provenance.run)):
        if run != record.id:
            yield damaged(case, record.id, f"{name} is of another run, {run}")


def _not_computed(case: Case, kind: type[Analysis]) -> Iterator[Finding]:
    for run, item in asked(case, kind).items():
        if not case.layout.analysis(item.kind, run).is_file():
            yield wrong(case, run, item, "not computed yet", there=False)


def _extra(case: Case) -> Iterator[Finding]:
    for folder, below, names in os.walk(case.layout.runs):
        below.sort()
        run = Path(folder).relative_to(case.layout.runs).as_posix()
        files = [name for name in names if not name.startswith(".")]  # .gitignore, time stamps of Snakemake
        if not files or run in case.matrix.runs:
            continue
        if run == "." or any(wanted.startswith(f"{run}/") for wanted in case.matrix.runs):
            for name in sorted(files):  # the folder of runs that are asked for stays
                yield stray(case, Path(folder, name), "no run is asked for whose folder could hold this file")
        else:
            below.clear()  # it goes as a whole
            yield stray(case, Path(folder), "nobody asks for this run")
