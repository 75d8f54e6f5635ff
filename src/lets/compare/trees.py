"""All of a project against a reference: a commit, another folder, or an exported crate."""

import json
import re
import subprocess
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lets.claims.document import claims_texts
from lets.commands import REFERENCE, plain
from lets.compare.agreement import (
    Agreement,
    CellPair,
    Runs,
    Verdicts,
    compare_ranks,
    compare_runs,
    compare_table,
    compare_verdicts,
)
from lets.config.paths import LOCK, Layout
from lets.errors import SpecError
from lets.page.summaries import runs_text
from lets.project import Project
from lets.runs.code import code_digest, same_code
from lets.runs.cost import cost_of

PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)
"""in it: a package, and one of its versions"""
Reader = Callable[[Path], bytes | None]
"""path below the root of a project → its bytes; None if it is not there"""


@dataclass(frozen=True)
class Reference:
    """A tree of reports to compare with, and what to call it."""

    name: str
    read: Reader

    def text(self, path: Path) -> str:
        """Return a text file; raises SpecError if it is not there or is no text."""
        content = self.read(path)
        if content is None:
            raise SpecError(
                f"{self.name} – has no {path} – name a commit, folder or crate with the reports of this profile"
            )
        try:
            return content.decode().replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise SpecError(f"{self.name} – its {path} is no text – name another reference") from error


def open_reference(name: str, root: Path) -> Reference:
    """Return the folder, archive or commit of this name, `root` being the project; raises SpecError for none."""
    path = Path(name)
    if name and path.is_dir():
        return Reference(f"the folder {plain(name)}", _folder(path))
    if path.is_file():
        return Reference(f"the crate {plain(name)}", _archive(path))
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit is None:
        known = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
        write = "write  lets compare HEAD,  or a path" if known else "write a path: there is no commit here"
        raise SpecError(f"{plain(name)!r} – is no folder, no crate and no commit – {write}")
    revision = commit.decode().strip()

    def read(file: Path) -> bytes | None:
        """Read what the commit holds as its reference; the first commits held it in place of fresh results."""
        found = (_git(root, "show", f"{revision}:./{one.as_posix()}") for one in (REFERENCE / file, file))
        return next((content for content in found if content is not None), None)

    return Reference(f"commit {revision[:10]}", read)


def _folder(folder: Path) -> Reader:
    """Return what reads a folder; packages are those of the project that it is, or lies in."""

    def read(file: Path) -> bytes | None:
        return _bytes(folder / file) or (_bytes(folder.parent / file) if file == LOCK else None)

    return read


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _archive(path: Path) -> Reader:
    """Return what reads the files of a crate, by their paths below its root."""
    if not zipfile.is_zipfile(path):
        raise SpecError(f"{plain(str(path))} – is no archive – name a crate that  lets export  wrote")

    def read(file: Path) -> bytes | None:
        try:
            with zipfile.ZipFile(path) as archive:
                name = file.as_posix()
                return archive.read(name) if name in archive.namelist() else None
        except Exception as error:  # what the library raises of a damaged archive is listed nowhere
            raise SpecError(
                f"{plain(str(path))} – its {file} cannot be read ({error}) – make it again with  lets export"
            ) from error

    return read


def _git(root: Path, *words: str) -> bytes | None:
    """Return what git prints; None if it refuses, or is not there."""
    try:
        return subprocess.run(["git", "-C", root, *words], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


@dataclass(frozen=True)
class Comparison:
    """What was compared, and how far it agrees."""

    reference: str
    runs: Runs
    cells: tuple[CellPair, ...]
    verdicts: Verdicts
    ranks: dict[str, dict[str, tuple[int, int]]]
    """ranking table → method → its places, of those that differ"""
    machines: tuple[str, str]
    """where the runs were made here and there, as far as known"""
    packages: Mapping[str, tuple[str, str]]
    """package → its versions that made the runs here, and those that the lock file there names, if they differ"""
    outdated: int = 0
    """how many runs here were made by code that may compute other numbers than what is here now"""

    @property
    def reproduced(self) -> bool:
        """Whether chance explains every difference: no run and no method differs beyond it."""
        return not self.runs.different and not self.runs.shifted

    @property
    def identical(self) -> bool:
        """Whether all runs are the same to the last digit."""
        return self.runs.counts.keys() <= {Agreement.IDENTICAL, Agreement.ALONE}

    @property
    def cell_counts(self) -> Counter[Agreement]:
        """How many cells agree how far."""
        return Counter(cell.agreement for cell in self.cells)


def compare(project: Project, reference: Reference) -> Comparison:
    """Compare a project as it is on disk with a reference; raises SpecError if nothing can be compared."""
    layout, there = project.layout, Layout(project.params.profile)
    runs = compare_runs(runs_text(project), reference.text(there.long_table), _made_with(project))
    if not runs.compared:
        raise SpecError(
            f"{reference.name} – no run has ended both here and there – make some first:  {project.make}"
        )
    tables = {name: _maybe(reference, there.table(name, "csv")) for name in project.params.tables}
    cells = [
        cell
        for name, text in tables.items()
        for cell in compare_table(name, project.table(name).csv.text(), text)
    ]
    claims = claims_texts(project)[layout.claims_csv]
    verdicts = compare_verdicts(claims, _maybe(reference, there.claims_csv) or "claim,verdict\n")
    machines = _machines(_here(layout)), _machines(_maybe(reference, there.audit))
    packages = _packages(cost_of(project.runs.values()).packages, _maybe(reference, LOCK) or "")
    return Comparison(
        reference.name,
        runs,
        tuple(cells),
        verdicts,
        _ranks(project, tables),
        machines,
        packages,
        _outdated(project),
    )


def _outdated(project: Project) -> int:
    made = [(run.spec, run.provenance.code) for run in project.runs.values() if run.provenance]
    return sum(not same_code(code, code_digest(spec)) for spec, code in made)


def _made_with(project: Project) -> dict[str, object]:
    """Return id → machine and packages of every run here, as far as they decide its bits."""
    facts = {id: run.provenance for id, run in project.runs.items() if run.state in ("finished", "diverged")}
    return {
        id: (
            fact.machine.device,
            fact.machine.processor,
            fact.machine.threads,
            *sorted(fact.packages.items()),
        )
        for id, fact in facts.items()
        if fact
    }


def _ranks(project: Project, tables: Mapping[str, str | None]) -> dict[str, dict[str, tuple[int, int]]]:
    found = {}
    for name, text in tables.items():
        here = project.table(name).csv
        if "average_rank" in here.header and text is not None:
            found[name] = compare_ranks(name, here.text(), text)
    return found


def _maybe(reference: Reference, path: Path) -> str | None:
    content = reference.read(path)
    return None if content is None else content.decode(errors="replace").replace("\r\n", "\n")


def _here(layout: Layout) -> str | None:
    try:
        return layout.audit.read_text() if layout.audit.is_file() else None
    except (OSError, ValueError):
        return None


def _machines(audit: str | None) -> str:
    """Return what an audit says of the machines that made the runs; nothing if it says nothing."""
    try:
        layers = json.loads(audit or "{}").get("layers", [])
        checks = [check for layer in layers for check in layer["checks"] if check["name"] == "machines"]
        return str(checks[0]["about"]).removeprefix("where the runs were made: ") if checks else ""
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""


def _packages(here: Iterable[str], lock: str) -> dict[str, tuple[str, str]]:
    """Return the packages whose versions here are not all locked there; a build's name, as in 2.11.0+cu128, is none."""
    ours: dict[str, list[str]] = {}
    for name, _, version in (one.partition(" ") for one in here):
        ours.setdefault(name, []).append(version)
    theirs: dict[str, list[str]] = {}
    for name, version in PINNED.findall(lock):
        theirs.setdefault(name, []).append(version)
    return {
        name: (", ".join(versions), " or ".join(theirs[name]))
        for name, versions in ours.items()
        if name in theirs and any(one.partition("+")[0] not in theirs[name] for one in versions)
    }
