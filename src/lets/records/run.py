"""A run folder, read back."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from lets.errors import RecordError
from lets.records.files import read_json
from lets.records.history import HistoryRow, read_history
from lets.records.metrics import Metrics
from lets.records.provenance import Provenance
from lets.spec.paths import Layout
from lets.spec.run import RunSpec

Model = TypeVar("Model", bound=BaseModel)


class Status(StrEnum):
    """How far a run has come."""

    MISSING = "missing"
    PARTIAL = "partial"
    """a folder without all its files: interrupted, or damaged"""
    DIVERGED = "diverged"
    FINISHED = "finished"


@dataclass(frozen=True)
class RunRecord:
    """One folder of the run tree; files are read when asked for and kept."""

    id: str
    folder: Path
    files: tuple[str, ...]
    """the names of those that it has when it is whole"""

    @classmethod
    def at(cls, layout: Layout, run: str) -> "RunRecord":
        """Return the record of a run id; the folder need not exist."""
        return cls(run, layout.run(run), layout.file_names)

    @cached_property
    def status(self) -> Status:
        """Finished means: every file is there. Raises RecordError when metrics.json cannot be read."""
        absent = self.absent
        if len(absent) == len(self.files):
            return Status.MISSING
        return Status.PARTIAL if absent else Status(self.metrics.status)

    @property
    def absent(self) -> list[str]:
        """The files that are not there."""
        return [name for name in self.files if not (self.folder / name).is_file()]

    @cached_property
    def spec(self) -> RunSpec:
        """The resolved spec the run was trained from; raises RecordError when it is no longer one."""
        return self._validated(RunSpec, "run.json")

    @cached_property
    def metrics(self) -> Metrics:
        """The numbers; raises RecordError naming the file when they are damaged."""
        return self._validated(Metrics, "metrics.json")

    @cached_property
    def provenance(self) -> Provenance:
        """Where the numbers come from."""
        return self._validated(Provenance, "provenance.json")

    @cached_property
    def history(self) -> list[HistoryRow]:
        """One row per epoch."""
        return read_history(self.folder / "history.csv")

    def _validated(self, model: type[Model], name: str) -> Model:
        path = self.folder / name
        try:
            return model.model_validate(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            raise RecordError(
                f"{path} – {'.'.join(map(str, first['loc']))}: {first['msg']} – "
                "delete its folder and make the run again"
            ) from error
