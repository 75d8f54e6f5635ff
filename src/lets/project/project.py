"""A project: a params file, the runs that it asks for, and what of them is on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from lets.analyses.analysis import Analysis
from lets.commands import DEMO
from lets.commands import command as shell
from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.config.run import RunSpec
from lets.config.selection import Selection
from lets.figures.figure import Numbers
from lets.project.expand import expand
from lets.project.load import load_params
from lets.project.params import Params
from lets.runs.outcomes import Outcome, read_outcome
from lets.tables.table import Table

Kind = TypeVar("Kind", bound=Analysis)


@dataclass(frozen=True)
class Project:
    """A params file with its runs. What is on disk is read when it is asked for, once: a project is a snapshot."""

    params: Params
    matrix: Matrix
    layout: Layout
    file: Path | None = None
    """its params file, as it was named; None: that of its profile in params/"""
    _outcomes: dict[str, Outcome] = field(default_factory=dict, repr=False, compare=False)
    _tables: dict[str, Table] = field(default_factory=dict, repr=False, compare=False)
    _numbers: dict[str, Numbers] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, file: str | Path, root: Path = Path()) -> "Project":
        """Return the project of a params file below `root`; raises SpecError that names file, line and remedy."""
        params = load_params(file)
        return cls(params, expand(params), Layout.of(params, root), Path(file))

    @property
    def named(self) -> tuple[Path, ...]:
        """The params file, where a command must name it: nothing for the one that every command takes by itself."""
        file = self.file or DEMO.with_stem(self.params.profile)
        return () if file == DEMO else (file,)

    def command(self, verb: str, *words: object) -> str:
        """Return a command of `lets` about this project, for messages."""
        params = ("--params", *self.named) if self.named else ()
        return shell("lets", verb, *params, *words)

    def find(self, run: str) -> RunSpec:
        """Return the run of this id, or of its unambiguous beginning; raises SpecError."""
        return self.matrix.find(run, self.command("status", "--runs"))

    @cached_property
    def runs(self) -> Mapping[str, Outcome]:
        """Every run of the matrix by id, in the order of the params file: its numbers, or why it has none."""
        return {id: self.outcome(run) for id, run in self.matrix.runs.items()}

    def outcome(self, run: RunSpec) -> Outcome:
        """Return what became of one run."""
        if run.id not in self._outcomes:
            self._outcomes[run.id] = read_outcome(run, self.layout)
        return self._outcomes[run.id]

    def shown(self, item: Selection) -> list[Outcome]:
        """Return what became of the runs that a table or figure shows."""
        return [self.outcome(run) for run in item.select(self.matrix)]

    def table(self, name: str) -> Table:
        """Return a table of the params file; raises SpecError if one of its means would mix variants."""
        if name not in self._tables:
            self._tables[name] = self.params.tables[name].table(name, self)
        return self._tables[name]

    def numbers(self, name: str) -> Numbers:
        """Return what a figure of the params file draws; raises SpecError as `table` does."""
        if name not in self._numbers:
            self._numbers[name] = self.params.figures[name].numbers(self)
        return self._numbers[name]

    def analyses(self, kind: type[Kind]) -> dict[str, Kind]:
        """Return run id → table or figure for every analysis of this kind to compute."""
        items = [item for item in self.params.items.values() if isinstance(item, kind)]
        return {run.id: item for item in items for run in item.analysed(self.matrix)}
