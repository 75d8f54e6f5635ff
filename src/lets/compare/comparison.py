"""All of a project against a reference, and what it comes to in one sentence."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lets.claims.document import claims_texts
from lets.compare.cells import CellPair, Verdicts, compare_ranks, compare_table, compare_verdicts
from lets.compare.reference import Reference
from lets.compare.runs import Agreement, Runs, compare_runs
from lets.config.paths import Layout
from lets.errors import RecordError
from lets.page.summaries import runs_text
from lets.project import Project


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
    runs = compare_runs(runs_text(project), reference.text(there.long_table))
    tables = {name: _maybe(reference, there.table(name, "csv")) for name in project.params.tables}
    cells = [
        cell
        for name, text in tables.items()
        for cell in compare_table(name, project.table(name).csv.text(), text)
    ]
    claims = claims_texts(project)[layout.claims_csv]
    verdicts = compare_verdicts(claims, _maybe(reference, there.claims_csv) or "claim,verdict\n")
    machines = _machines(_here(layout)), _machines(_maybe(reference, there.audit))
    return Comparison(reference.name, runs, tuple(cells), verdicts, _ranks(project, tables), machines)


def _ranks(project: Project, tables: Mapping[str, str | None]) -> dict[str, dict[str, tuple[int, int]]]:
    found = {}
    for name, text in tables.items():
        here = project.table(name).csv
        if "average_rank" in here.header and text is not None:
            found[name] = compare_ranks(here.text(), text)
    return found


def _maybe(reference: Reference, path: Path) -> str | None:
    content = reference.read(path)
    return None if content is None else content.decode(errors="replace").replace("\r\n", "\n")


def _here(layout: Layout) -> str | None:
    try:
        return layout.audit.read_text() if layout.audit.is_file() else None
    except (OSError, RecordError):
        return None


def _machines(audit: str | None) -> str:
    """Return what an audit says of the machines that made the runs; nothing if it says nothing."""
    try:
        layers = json.loads(audit or "{}").get("layers", [])
        checks = [check for layer in layers for check in layer["checks"] if check["name"] == "machines"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return str(checks[0]["about"]).removeprefix("where the runs were made: ") if checks else ""
