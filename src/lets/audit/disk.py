"""Checks of what is on disk: the runs and analyses asked for, the bytes that were written, and nothing else."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from lets.analyses.analysis import Analysis
from lets.analyses.hypergradient import Hypergradient
from lets.analyses.landscape import Landscape
from lets.analyses.sharpness import Sharpness
from lets.audit.analyses import requested, wrong
from lets.audit.context import Context
from lets.audit.findings import Check, Finding, damaged, linked, unexpected
from lets.commands import command
from lets.config.paths import RUN_FILES
from lets.errors import RecordError
from lets.runs import RunRecord, Status

ANALYSES: tuple[type[Analysis], ...] = (Landscape, Sharpness, Hypergradient)


def check_digests(context: Context) -> Check:
    """Hold every file of a run against the digests in its provenance, whatever the time stamps say."""
    failures = [finding for run in context.digests for finding in _changed(context, context.records[run])]
    examined = sum(map(len, context.digests.values()))
    return Check("bytes", "sha256 of run files", examined, tuple(failures))


def _changed(context: Context, record: RunRecord) -> Iterator[Finding]:
    """Hold a run against its provenance, even one whose other files cannot be read."""
    try:
        written = record.provenance.files
    except RecordError:
        return  # named by the check of the matrix
    for name, digest in context.digests[record.id].items():
        if name not in written:
            yield damaged(context, record.id, f"provenance.json has no digest of {name}")
        elif digest != written[name]:
            yield damaged(context, record.id, f"{name} is not the file that was written: its sha256 differs")


def check_endings(context: Context) -> Check:
    """Warn of texts whose lines end as on Windows, as git makes them; every other check reads them as written."""
    texts = [path for path in _texts(context) if path.is_file()]
    changed = [path for path in texts if b"\r\n" in path.read_bytes()]
    warnings = (_unpack(context, changed),) if changed else ()
    return Check("endings", "text files whose lines end as they were written", len(texts), (), warnings)


def _texts(context: Context) -> Iterator[Path]:
    layout = context.layout
    for record in context.complete:
        yield from (record.folder / name for name in record.files if not name.endswith(".safetensors"))
    for name in context.params.tables:
        yield from layout.tables(name)
    for name in context.params.figures:
        yield from (path for path in layout.figures(name) if path.suffix != ".png")
    yield from (layout.claims, layout.claims_csv, layout.summary, layout.long_table)
    yield from (layout.quoted, layout.paper_claims)  # published.csv came with such lines


def _unpack(context: Context, changed: list[Path]) -> str:
    """Files unpacked from git replace those that are there: a checkout leaves alone what git thinks has not changed."""
    folders = (context.layout.runs, context.layout.reports, context.layout.quoted.parent)
    trees = [tree for tree in folders if any(tree in path.parents for path in changed)]
    unpack, refresh = command("git", "archive", "HEAD", *trees), command("git", "add", "--update", *trees)
    return (
        f"the lines of {len(changed)} text files end as on Windows, not as they were written, and nothing else is "
        f"wrong with that: git changed them when it checked them out; to have them back:  "
        f"git config core.autocrlf false && {unpack} | tar -x && {refresh}"
    )


def check_matrix(context: Context) -> Check:
    """Hold the matrix of the params file against the tree of runs and analyses: all of it is there, nothing else is."""
    absent = _no_run(context)
    failures = [] if absent else [one for record in context.records.values() for one in _run(context, record)]
    failures += [*_unknown_folders(context), *_unknown_files(context), *_links(context)]
    for kind in ANALYSES:
        failures += [*_analyses(context, kind)]
    about = "runs and analyses asked for against what is there"
    return Check("matrix", about, len(context.records), tuple(failures), unchecked=absent)


def _no_run(context: Context) -> tuple[Finding, ...]:
    """A clone that has no run yet: that is no damage."""
    if any(context.layout.runs.rglob("*.json")):
        return ()
    pull = context.project.command("pull")
    reason = f"none of the {len(context.states)} runs is here: to have those that were recorded run  {pull}"
    return (Finding(str(context.layout.runs), reason, make=context.make, unchecked=True),)


def _run(context: Context, record: RunRecord) -> Iterator[Finding]:
    state = context.states[record.id]
    if state is Status.MISSING:
        cells = context.cells_of(record.id)
        yield Finding(record.id, "not trained yet", cells, record.id, (), context.make)
    elif state is Status.PARTIAL:
        yield damaged(context, record.id, f"half a folder: no {', '.join(record.absent)}")
    elif isinstance(state, RecordError):
        yield damaged(context, record.id, f"unreadable: {state}")
    else:
        yield from _identity(context, record)


def _identity(context: Context, record: RunRecord) -> Iterator[Finding]:
    """The folder's name must follow from the spec inside it, and every file must name the same run."""
    if record.spec != context.matrix.runs[record.id]:
        yield damaged(context, record.id, f"run.json is the spec of another run, {record.spec.id}")
    for name, run in (("metrics.json", record.metrics.run), ("provenance.json", record.provenance.run)):
        if run != record.id:
            yield damaged(context, record.id, f"{name} is of another run, {run}")


def _unknown_folders(context: Context) -> Iterator[Finding]:
    for folder, below, names in os.walk(context.layout.runs):
        below.sort()
        run = Path(folder).relative_to(context.layout.runs).as_posix()
        files = [name for name in names if not name.startswith(".")]  # .gitignore, time stamps of Snakemake
        if not files or run in context.matrix.runs:
            continue
        if run == "." or any(wanted.startswith(f"{run}/") for wanted in context.matrix.runs):
            for name in sorted(files):  # the folder of runs that are asked for stays
                reason = "no run is asked for whose folder could hold this file"
                yield unexpected(context, Path(folder, name), reason)
        else:
            below.clear()  # it goes as a whole
            yield unexpected(context, Path(folder), "nobody asks for this run")


def _unknown_files(context: Context) -> Iterator[Finding]:
    """Files in the folder of a run that no training leaves there; folders are reported as runs that nobody asks for."""
    for record in context.records.values():
        if not _link(record.folder, context.layout.runs):
            for path in _entries(record.folder):
                if path.name not in RUN_FILES and (path.is_symlink() or not os.path.isdir(path)):
                    yield unexpected(context, path, "no training leaves this file in the folder of a run")


def _links(context: Context) -> Iterator[Finding]:
    """Links in the place of runs, of their files, and of folders above: what is behind them is not in the tree.

    DVC may leave such of files, to its cache, where they lie under their own digest.
    """
    top, behind = context.layout.runs, defaultdict[Path, list[str]](list)
    for record in context.records.values():
        for link in {_link(record.folder / name, top) for name in record.files}:
            if link and (link.is_file() or link.name not in record.files):
                behind[link].append(record.id)
    above = {folder for record in context.records.values() for folder in record.folder.parents}
    for folder in sorted(folder for folder in above if folder.is_relative_to(top) and not _link(folder, top)):
        for path in _entries(folder):
            if path not in behind and path.is_symlink() and os.path.isdir(path):
                yield unexpected(context, path, "nobody asks for this link")
    for link, runs in behind.items():
        if os.path.exists(link) and not _cached(context, link):
            cells = tuple(dict.fromkeys(cell for run in runs for cell in context.cells_of(run)))
            yield linked(link, link.relative_to(top).as_posix(), cells)


def _link(path: Path, top: Path) -> Path | None:
    """Return the first link below `top` on the way to a path, which may be one itself."""
    way = [folder for folder in (path, *path.parents) if top in folder.parents]
    return next((folder for folder in reversed(way) if folder.is_symlink()), None)


def _cached(context: Context, link: Path) -> bool:
    cache = (context.layout.root / ".dvc" / "cache").resolve()
    return link.is_file() and link.resolve().is_relative_to(cache)


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing if it is none, or may not be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _analyses(context: Context, kind: type[Analysis]) -> Iterator[Finding]:
    """Yield analyses that are not there, and links in their place or above, each link once."""
    behind = defaultdict[Path, list[str]](list)
    for run, item in requested(context, kind).items():
        path, top = context.layout.analysis(item.kind, run), context.layout.analysis(item.kind, "").parents[1]
        if not path.is_file():
            yield wrong(context, run, item, "not computed yet", there=False)
        elif (link := _link(path, top)) and not _cached(context, link):
            behind[link] += wrong(context, run, item, "").cells
    for link, cells in behind.items():
        yield linked(link, str(link), tuple(dict.fromkeys(cells)))
