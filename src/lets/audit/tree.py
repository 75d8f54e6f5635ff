"""Check: the matrix of the params file against the tree of run folders and analyses."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from lets.analyses.analysis import Analysis
from lets.analyses.hypergradient import Hypergradient
from lets.analyses.landscape import Landscape
from lets.analyses.sharpness import Sharpness
from lets.audit.analyses import asked, wrong
from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged, stray
from lets.commands import command
from lets.config.paths import RUN_FILES
from lets.errors import RecordError
from lets.runs import RunRecord, Status

ANALYSES: tuple[type[Analysis], ...] = (Landscape, Sharpness, Hypergradient)


def check_tree(case: Case) -> Check:
    """Every run that is asked for is there and is what its id says; nothing else is there."""
    absent = _nothing_here(case)
    failures = [] if absent else [one for record in case.records.values() for one in _run(case, record)]
    failures += _extra(case)
    failures += [finding for run in case.records for finding in _foreign(case, run)]
    failures += [*_links(case), *_linked_files(case)]
    failures += [finding for kind in ANALYSES for finding in _not_computed(case, kind)]
    return Check(
        "matrix",
        "runs and analyses asked for against what is there",
        len(case.records),
        tuple(failures),
        unchecked=absent,
    )


def _nothing_here(case: Case) -> tuple[Finding, ...]:
    """A clone that has no run yet: that is no damage."""
    if any(case.layout.runs.rglob("*.json")):
        return ()
    pull = case.project.command("pull")
    reason = f"none of the {len(case.states)} runs is here: to have those that were recorded run  {pull}"
    return (Finding(str(case.layout.runs), reason, make=case.make, unchecked=True),)


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


def _foreign(case: Case, run: str) -> Iterator[Finding]:
    """Files in the folder of a run that no training leaves there; folders are told of as runs that nobody asks for."""
    folder = case.layout.run(run)
    if not _behind_a_link(case, folder):
        for path in _entries(folder):
            if path.name not in RUN_FILES and (path.is_symlink() or not os.path.isdir(path)):
                yield stray(case, path, "no training leaves this file in the folder of a run")


def _links(case: Case) -> Iterator[Finding]:
    """Links in the place of folders: what is behind them is not in the tree."""
    above = {folder for run in case.records for folder in PurePath(run).parents}
    for folder in sorted(case.layout.runs / one for one in above):
        if _behind_a_link(case, folder):
            continue
        for path in _entries(folder):
            if not (path.is_symlink() and os.path.isdir(path)):
                continue
            below = [run for run in case.records if case.layout.run(run).is_relative_to(path)]
            yield _linked(case, path, below) if below else stray(case, path, "nobody asks for this link")


def _linked_files(case: Case) -> Iterator[Finding]:
    """Links in the place of a run's files. DVC may leave such, to its cache, where files lie under their own digest."""
    cache = (case.layout.root / ".dvc" / "cache").resolve()
    for record in case.records.values():
        for path in (record.folder / name for name in record.files):
            link = path.is_symlink() and path.is_file() and not _behind_a_link(case, record.folder)
            if link and not path.resolve().is_relative_to(cache):
                yield _linked(case, path, [record.id])


def _linked(case: Case, path: Path, runs: list[str]) -> Finding:
    cells = tuple(dict.fromkeys(cell for run in runs for cell in case.cells_of(run)))
    copy = path.with_name(f"{path.name}.copy")
    make = f"{command('cp', '-rL', path, copy)} && {command('rm', path)} && {command('mv', copy, path)}"
    reason = f"is a link to {path.readlink()}: what is there is not in the tree, and can change without it"
    return Finding(path.relative_to(case.layout.runs).as_posix(), reason, cells, make=make)


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing if it is none, or may not be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _behind_a_link(case: Case, folder: Path) -> bool:
    below = folder.relative_to(case.layout.runs)
    return any((case.layout.runs / one).is_symlink() for one in (below, *below.parents) if one.name)


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
