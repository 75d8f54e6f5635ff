"""What `lets analyse` computed for a table or figure: the lines of one run per method, or why there are none."""

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from lets.records.rows import columns
from lets.report.notes import absent_notes
from lets.report.tidy import csv_text
from lets.results import Outcome, read_outcome
from lets.results.repeats import in_order, repeats
from lets.spec import Layout, Matrix
from lets.spec.params import Analysis

Row = TypeVar("Row")


@dataclass(frozen=True)
class Analysed(Generic[Row]):
    """One run and its analysis, a dataclass per line; no lines if there is none, and `run` says why."""

    run: Outcome
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Analyses(Generic[Row]):
    """The first seed of each method, in the order of the params file; `kind` is the dataclass of a line."""

    kind: type[Row]
    shown: tuple[Analysed[Row], ...]

    @property
    def runs(self) -> tuple[Outcome, ...]:
        """Every run that was to be shown."""
        return tuple(one.run for one in self.shown)

    @property
    def there(self) -> list[Analysed[Row]]:
        """Those that are there."""
        return [one for one in self.shown if one.rows]

    def lines(self) -> list[list[Any]]:
        """Method, run and every number of every line."""
        return [
            [one.run.spec.method, one.run.id, *astuple(row)]  # type: ignore[call-overload]
            for one in self.shown
            for row in one.rows
        ]

    def csv(self) -> str:
        """Return exactly the numbers shown, or what they follow from."""
        return csv_text(["method", "run", *columns(self.kind)], self.lines())


def read_analyses(
    item: Analysis, matrix: Matrix, layout: Layout, kind: type[Row], read: Callable[[Path], list[Row]]
) -> Analyses[Row]:
    """Read the analyses that a table or figure shows; raises RecordError when one is not what `read` expects."""

    def rows(run: Outcome) -> tuple[Row, ...]:
        return tuple(read(layout.analysis(item.kind, run.id))) if run.state == "finished" else ()

    runs = _runs(item, matrix, layout)
    return Analyses(kind, tuple(Analysed(run, rows(run)) for run in runs))


def run_notes(analyses: Analyses[Any]) -> Iterator[str]:
    """Name the runs that a table shows, and those that it misses."""
    if analyses.there:
        yield f"First seed of each method: {', '.join(one.run.id for one in analyses.there)}."
    yield from absent_notes(analyses.runs)


def _runs(item: Analysis, matrix: Matrix, layout: Layout) -> list[Outcome]:
    """The first seed of each method; a finished run without its analysis counts as missing."""
    outcomes = [read_outcome(spec, layout) for spec in matrix.analysed(item)]
    groups = repeats(outcomes, ("method",))
    return [_unless_missing(groups[key][0], item.kind, layout) for key in in_order(groups)]


def _unless_missing(outcome: Outcome, kind: str, layout: Layout) -> Outcome:
    if outcome.state != "finished" or layout.analysis(kind, outcome.id).is_file():
        return outcome
    reason = f"make its {kind}:  lets analyse {kind} --run {outcome.id}"
    return replace(outcome, state="missing", reason=reason)
