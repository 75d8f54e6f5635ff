"""What is audited: a project, and how much of it is computed again."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lets.audit.contents import contents
from lets.audit.draw import NOTHING, Draw
from lets.audit.printed import Printed, printed
from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.errors import RecordError
from lets.files import bytes_as_written, sha256_bytes, sha256_file
from lets.project import Project
from lets.project.params import ParamsFile
from lets.runs import RunRecord, Status
from lets.runs.code import code_digest


@dataclass(frozen=True)
class Case:
    """Everything a check needs; records are read once and kept.

    `make` is the command that makes what is missing, `again` the one that audits this profile, both for messages.
    """

    project: Project
    make: str
    draw: Draw = NOTHING
    again: str = "lets audit"

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

    def complete(self) -> list[RunRecord]:
        """Return the records of the runs that finished or diverged: every file is there and can be read."""
        whole = (Status.FINISHED, Status.DIVERGED)
        return [record for run, record in self.records.items() if self.states[run] in whole]

    @cached_property
    def digests(self) -> dict[str, dict[str, str]]:
        """The sha256 of every file but provenance.json, which holds the same, of run folders that lack no file."""
        whole = [record for record in self.records.values() if not record.absent]
        with ThreadPoolExecutor() as threads:  # on all cores: Python lets go of its lock while it hashes
            return dict(zip((record.id for record in whole), threads.map(_digests, whole), strict=True))

    @cached_property
    def contents(self) -> dict[str, dict[str, str]]:
        """Run → what only one training can have, of the runs that finished or diverged."""
        whole = self.complete()
        with ThreadPoolExecutor() as threads:
            return dict(zip((record.id for record in whole), threads.map(contents, whole), strict=True))

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
        return sha256_bytes(
            "\n".join(sorted({code_digest(run) for run in self.matrix.runs.values()})).encode()
        )

    def drawn(self, runs: Iterable[str]) -> list[str]:
        """Return those of the runs that are to be computed again."""
        return self.draw.order(self.content, runs)[: self.draw.count]

    @cached_property
    def device(self) -> str:
        """Where sampled numbers are computed again: on the CPU if the params say so, else on a GPU if there is one."""
        from lets.train.device import choose_device

        return str(choose_device("cpu" if self.params.device == "cpu" else "auto"))

    @cached_property
    def printed(self) -> tuple[Printed, ...]:
        """Every place where a number is printed."""
        return tuple(printed(self.project))

    def cells_of(self, run: str) -> tuple[str, ...]:
        """Return the names of the places that rest on a run."""
        return self._cells.get(run, ())

    @cached_property
    def _cells(self) -> dict[str, tuple[str, ...]]:
        cells: dict[str, tuple[str, ...]] = {}
        for place in self.printed:
            for run in place.runs:
                cells[run] = (*cells.get(run, ()), place.name)
        return cells


def _digests(record: RunRecord) -> dict[str, str]:
    return {name: _digest(record.folder / name) for name in record.files if name != "provenance.json"}


def _digest(path: Path) -> str:
    """Of a text as it was written: that its lines end otherwise now is a warning of its own."""
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
