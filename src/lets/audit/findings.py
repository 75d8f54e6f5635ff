"""What a check reports, and the one shell line that mends it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lets.audit.context import Context
from lets.commands import command as shell


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and what mends it.

    `subject` is a run id or a path; `cells` the printed cells that rest on it. Before `make`, a shell line, what is
    in `remove` is deleted and what is in `aside` moved to work/; `force` is what it shall make although it is there.
    """

    subject: str
    reason: str
    cells: tuple[str, ...] = ()
    run: str = ""
    """the run id, if the finding blames a run"""
    remove: tuple[str, ...] = ()
    """folders of damaged runs, and nothing else"""
    make: str = ""
    force: tuple[str, ...] = ()
    aside: tuple[tuple[str, str], ...] = ()
    """path, and the folder that it is moved to"""
    link: str = ""
    """the path that `make` replaces by a copy, if it is a link"""
    unchecked: bool = False
    """whether nothing is known to be wrong: what it would be held against is not here"""

    absent: bool = False
    """whether nothing is wrong with what it is about but that it is not there"""

    @property
    def command(self) -> str:
        """The command to run next, for this finding alone."""
        return command([self])


@dataclass(frozen=True)
class Check:
    """One check of the audit: what it looked at, and what it found."""

    name: str
    about: str
    examined: int
    failures: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    confirmed: frozenset[str] = frozenset()
    """the runs whose numbers were recomputed, and came out the same"""
    repeated: frozenset[str] = frozenset()
    """the runs that were trained again, and came out the same to the byte"""
    uncompared: frozenset[str] = frozenset()
    """the printed cells that nothing here could be compared with"""
    unchecked: tuple[Finding, ...] = ()
    """what cannot be checked here because something is not here: no failure, and its command fetches it"""


def damaged(context: Context, run: str, reason: str) -> Finding:
    """A run whose folder cannot be trusted: delete it, make it again.

    Behind a link lies what may be somebody else's: then the command only says where.
    """
    folder, cells = context.layout.run(run), context.cells_of(run)
    if not folder.parent.resolve().is_relative_to(context.layout.runs.resolve()):
        reason = f"{reason}; it lies behind a link out of {context.layout.runs}"
        return Finding(run, reason, cells, run, make=shell("readlink", "-f", folder))
    return Finding(run, reason, cells, run, (str(folder),), context.make)


def shared(context: Context, one: str, other: str, what: str) -> Iterator[Finding]:
    """Two runs that have in common `what` only one can have; which is the copy, nobody knows: both are made again."""
    yield damaged(context, one, f"has {what}: {other}")
    yield damaged(context, other, f"has {what}: {one}")


def unexpected(context: Context, path: Path, reason: str) -> Finding:
    """Something in the tree of runs that nobody asks for; it may be dear to somebody, and is moved, not deleted."""
    name = path.relative_to(context.layout.runs).as_posix()
    target = str(context.layout.aside(name).parent)
    return Finding(name, reason, make=context.make, aside=((str(path), target),))


def linked(path: Path, subject: str, cells: tuple[str, ...]) -> Finding:
    """A link in the place of a file or folder, which its own content replaces."""
    copy = path.with_name(f"{path.name}.copy")
    make = f"{shell('cp', '-rL', path, copy)} && {shell('rm', path)} && {shell('mv', copy, path)}"
    reason = f"is a link to {path.readlink()}: what is there is not in the tree, and can change without it"
    return Finding(subject, reason, cells, make=make, link=str(path))


def wrong_file(context: Context, path: Path, reason: str, cells: tuple[str, ...] = ()) -> Finding:
    """A file that follows from whole runs, but is not what follows: it is made again over the old one."""
    return Finding(str(path), reason, cells, make=context.make, force=(str(path),))


def command(findings: list[Finding]) -> str:
    """Return one shell line that mends all `findings`; a link in a folder that goes needs nothing of its own."""
    removed = {folder for finding in findings for folder in finding.remove}
    findings = [one for one in findings if removed.isdisjoint(map(str, Path(one.link).parents))]
    return " && ".join([*_removed(findings), *_moved(findings), *_made(findings)]) or "nothing to do"


def _removed(findings: list[Finding]) -> Iterator[str]:
    if remove := _paths(path for finding in findings for path in finding.remove):
        yield shell("rm", "-r", *remove)


def _moved(findings: list[Finding]) -> Iterator[str]:
    folders: dict[str, list[str]] = defaultdict(list)
    for path, target in dict.fromkeys(move for finding in findings for move in finding.aside):
        folders[target].append(path)
    for target, paths in folders.items():
        yield shell("mkdir", "-p", Path(target))
        yield shell("mv", *map(Path, paths), Path(target))


def _made(findings: list[Finding]) -> Iterator[str]:
    """Data first, each of what was made before it; then in alphabetical order: `lets data` comes before `snakemake`."""
    forced: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        forced[finding.make] += finding.force
    for make, paths in sorted(forced.items(), key=lambda one: (_rank(one[0]), one[0])):
        if make:
            yield make + (f" --forcerun {shell(*_paths(paths))}" if paths else "")


def _rank(make: str) -> int:
    verbs = ("prepare", "subset", "noise")
    return next((i for i, verb in enumerate(verbs) if make.split()[1:3] == ["data", verb]), len(verbs))


def _paths(names: Iterable[str]) -> list[Path]:
    return [Path(name) for name in dict.fromkeys(names)]
