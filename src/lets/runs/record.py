"""A run folder, read back."""

import os
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from lets.config.paths import Layout
from lets.config.run import RunSpec
from lets.errors import RecordError
from lets.files import read_json
from lets.runs.history import REMEDY, HistoryRow, read_history, read_trace
from lets.runs.metrics import Metrics
from lets.runs.provenance import Provenance

if TYPE_CHECKING:
    from lets.runs.history import Columns

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
        """Finished means: every file is there. Raises RecordError for one that a report reads and that is damaged."""
        absent = self.absent
        if len(absent) == len(self.files):
            return Status.MISSING
        if absent:
            return Status.PARTIAL
        _ = self.spec, self.provenance
        if not self.history and not self.metrics.divergence:
            raise RecordError(f"{self.folder / 'history.csv'} – has no epoch – {REMEDY}")
        return Status(self.metrics.status)

    @property
    def absent(self) -> list[str]:
        """The files that are not there."""
        return [name for name in self.files if not os.path.isfile(self.folder / name)]

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

    def trace(self) -> "Columns":
        """Read one number per step, of shape [steps]; raises RecordError when the file is damaged."""
        return read_trace(self.folder / "trace.safetensors")

    def _validated(self, model: type[Model], name: str) -> Model:
        path = self.folder / name
        try:
            return model.model_validate(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            raise RecordError(
                f"{path} – {'.'.join(map(str, first['loc']))}: {first['msg']} – {REMEDY}"
            ) from error
