"""What every check is given: the project, what it printed, and which of its runs are sampled to be recomputed."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.errors import LetsError, RecordError
from lets.files import bytes_as_written, sha256_bytes, sha256_file
from lets.project import Project
from lets.project.params import ParamsFile
from lets.runs import RunRecord, Status
from lets.runs.code import code_digest

WHOLE = "all of it"
"""the one cell of a table that cannot be derived"""


@dataclass(frozen=True)
class Sample:
    """How much is recomputed; what is sampled is drawn with a seed made of the audited files, so nobody can choose it.

    Two audits of the same files sample the same. Whoever made the files could still change a byte until the sample is
    convenient: a `salt`, any word unknown when the files were made, rules that out.
    """

    count: int = 0
    """how many runs, and how many analyses of each kind"""
    salt: str = ""
    deep: bool = False
    """whether runs are trained again"""
    runs: tuple[str, ...] = ()
    """the ids of these runs, or their unambiguous beginnings; by default one is sampled too"""

    def order(self, content: str, names: Iterable[str]) -> list[str]:
        """Return the names in the order of the sha256 of `content/salt/name`.

        `content` is the digest of all that is audited.
        """
        return sorted(names, key=lambda name: sha256_bytes(f"{content}/{self.salt}/{name}".encode()))


NOTHING = Sample()


@dataclass(frozen=True)
class PrintedCell:
    """A cell of a table, or a line, bar, point or panel of a figure: `table1: SAM × ResNet (small)`."""

    item: str
    address: str
    runs: tuple[str, ...]
    reads: frozenset[str] = frozenset({"final"})
    """what it shows of them, by the names of `Selection.reads`"""

    @property
    def name(self) -> str:
        """Item and address."""
        return f"{self.item}: {self.address}"


def printed_cells(project: Project) -> Iterator[PrintedCell]:
    """Yield every printed cell of a project, in the order of its params file."""
    for name, table in project.params.tables.items():
        for address, runs in _addresses(name, project).items():
            yield PrintedCell(name, address, runs, table.reads(project.params.tables))
    for name, figure in project.params.figures.items():
        for address, runs in figure.addresses(project).items():
            yield PrintedCell(name, address, runs, figure.reads(project.params.tables))


def _addresses(name: str, project: Project) -> Mapping[str, tuple[str, ...]]:
    """Return address → ids of the runs behind it, of a table."""
    try:
        return project.table(name).addresses
    except LetsError:
        runs = project.params.tables[name].behind(project.matrix)
        return {WHOLE: tuple(run.id for run in runs)}


@dataclass(frozen=True)
class Context:
    """Everything a check needs; records are read once and kept."""

    project: Project
    sample: Sample = NOTHING

    @property
    def make(self) -> str:
        """The command that makes what is missing, for messages."""
        return self.project.make

    @property
    def params(self) -> ParamsFile:
        """The params file."""
        return self.project.params

    @property
    def matrix(self) -> Matrix:
        """The runs that it asks for."""
        return self.project.matrix

    @property
    def layout(self) -> Layout:
        """Where they lie."""
        return self.project.layout

    @cached_property
    def records(self) -> dict[str, RunRecord]:
        """The record of every run, whether it is there or not."""
        return {run: outcome.record for run, outcome in self.project.runs.items()}

    @cached_property
    def states(self) -> dict[str, Status | RecordError]:
        """The status of every run, or why it cannot be read."""
        return {run: _state(record) for run, record in self.records.items()}

    @cached_property
    def complete(self) -> list[RunRecord]:
        """The records of the runs that finished or diverged: every file is there and can be read."""
        whole = (Status.FINISHED, Status.DIVERGED)
        return [record for run, record in self.records.items() if self.states[run] in whole]

    @cached_property
    def digests(self) -> dict[str, dict[str, str]]:
        """The sha256 of every file but provenance.json, which holds the same, of run folders that lack no file."""
        whole = [record for record in self.records.values() if not record.absent]
        with ThreadPoolExecutor() as threads:  # on all cores: Python releases its lock while it hashes
            return dict(zip((record.id for record in whole), threads.map(_digests, whole), strict=True))

    @cached_property
    def content(self) -> str:
        """One digest over all files of all runs but provenance.json: equal trainings at other times have the same."""
        lines = [
            f"{digest}  {run}/{name}\n"
            for run, files in sorted(self.digests.items())
            for name, digest in files.items()
        ]
        return sha256_bytes("".join(lines).encode())

    @cached_property
    def code(self) -> str:
        """One digest over the code that trains the runs, as it is now."""
        digests = {code_digest(run) for run in self.matrix.runs.values()}
        return sha256_bytes("\n".join(sorted(digests)).encode())

    def sampled(self, runs: Iterable[str]) -> list[str]:
        """Return those of the runs that are to be recomputed."""
        return self.sample.order(self.content, runs)[: self.sample.count]

    @cached_property
    def device(self) -> str:
        """Where sampled numbers are recomputed: on the CPU if the params say so, else on a GPU if there is one."""
        from lets.train.device import choose_device

        return str(choose_device("cpu" if self.params.device == "cpu" else "auto"))

    @cached_property
    def cells(self) -> tuple[PrintedCell, ...]:
        """Every cell where a number is printed."""
        return tuple(printed_cells(self.project))

    def cells_of(self, run: str) -> tuple[str, ...]:
        """Return the names of the cells that rest on a run."""
        return self._cells_by_run.get(run, ())

    @cached_property
    def _cells_by_run(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for cell in self.cells:
            for run in cell.runs:
                found[run] = (*found.get(run, ()), cell.name)
        return found


def _digests(record: RunRecord) -> dict[str, str]:
    return {name: _digest(record.folder / name) for name in record.files if name != "provenance.json"}


def _digest(path: Path) -> str:
    """Digest a text as it was written: that its lines end otherwise now is a warning of its own."""
    try:
        return sha256_file(path) if path.suffix == ".safetensors" else sha256_bytes(bytes_as_written(path))
    except OSError as error:
        return f"none: {error.strerror}"


def _state(record: RunRecord) -> Status | RecordError:
    """Read every file but the weights, so that no check meets a damaged one."""
    try:
        if record.status in (Status.FINISHED, Status.DIVERGED):
            record.trace()
        return record.status
    except RecordError as error:
        return error
