"""A project: a params file, its runs, and the tables and figures made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from lets.analyses.analysis import Analysis
from lets.commands import DEMO
from lets.commands import command as shell
from lets.config.messages import Problem
from lets.config.params import expand
from lets.config.paths import Layout
from lets.config.run import RunSpec
from lets.config.selection import Selection
from lets.config.yaml_files import read_yaml
from lets.figures.figure import Numbers
from lets.project.checks import contradictions, problems
from lets.project.params import ParamsFile
from lets.runs.outcomes import Records
from lets.tables.table import Table

Kind = TypeVar("Kind", bound=Analysis)


@dataclass(frozen=True)
class Project(Records):
    """A params file with its runs, and what is made of them; tables and numbers of figures are computed once."""

    params: ParamsFile
    file: Path | None = None
    """its params file, as it was named; None: that of its profile in params/"""
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

    @property
    def make(self) -> str:
        """The command that makes what is missing, for messages."""
        return shell("snakemake", "--cores", "all", *(("--configfile", *self.named) if self.named else ()))

    def find(self, run: str) -> RunSpec:
        """Return the run of this id, or of its unambiguous beginning; raises SpecError."""
        return self.matrix.find(run, self.command("status", "--runs"))

    @property
    def tables(self) -> Mapping[str, Selection]:
        """Those of the params file."""
        return self.params.tables

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


def load_params(path: str | Path, text: str | None = None) -> ParamsFile:
    """Return the validated params of a YAML file, or of the `text` that it is to hold.

    Raises SpecError that names file, line and remedy.
    """

    def wrong(params: ParamsFile) -> list[Problem]:
        return list(problems(params)) or list(contradictions(params))

    return read_yaml(Path(path), ParamsFile, wrong, text)
