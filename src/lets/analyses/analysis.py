"""The base of all analyses: one run a method, and the lines that were computed of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import lets.data.catalogue
from lets.config.effort import Network, measured_size
from lets.config.labels import address
from lets.config.matrix import Matrix, first_seeds
from lets.config.messages import Location, Problem, line
from lets.config.paths import Layout
from lets.config.run import RunSpec
from lets.config.selection import Selection
from lets.figures.figure import Figure
from lets.runs.outcomes import Outcome, Records, in_order, repeats
from lets.runs.rows import columns
from lets.tables.notes import absent_notes
from lets.tables.table import Csv, Record

Row = TypeVar("Row")
REMEDY = "delete it and make it again:  snakemake --cores all"
"""for a csv that is not one of ours, or not whole"""


class Analysis(Figure):
    """What is computed for one run, the first seed of each variant, beside its record (`lets analyse`)."""

    kind: str
    of_weights: ClassVar[bool] = True
    """whether it starts from the weights of a finished run"""

    @property
    def settings(self) -> dict[str, Any]:
        """The fields that are not of every selection: what a computation of its kind has to be told."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name not in Analysis.model_fields
        }

    def analysed(self, matrix: Matrix) -> list[RunSpec]:
        """Return the runs whose analysis it shows: the first seed of each variant."""
        return first_seeds(self.select(matrix))

    def behind(self, matrix: Matrix) -> list[RunSpec]:
        """Return the same."""
        return self.analysed(matrix)

    def files(self, matrix: Matrix, layout: Layout) -> list[Path]:
        """Return also the analyses."""
        return super().files(matrix, layout) + self.analysis_files(matrix, layout)

    def analysis_files(self, matrix: Matrix, layout: Layout) -> list[Path]:
        """Return the files of the analyses that it shows."""
        return [layout.analysis(self.kind, run.id) for run in self.analysed(matrix)]

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return its kind: no number of the run's own record is shown."""
        return frozenset({self.kind})

    def flops(self, run: RunSpec, network: Network) -> int:
        """Return the operations of the analysis of one run."""
        raise NotImplementedError


def asked_differently(
    items: Iterable[tuple[tuple[str, str], Selection]], keep_weights: bool, matrix: Matrix
) -> Iterator[Problem]:
    """Yield analyses that start from weights which are not kept, and those of one run with different settings.

    A run has one analysis of a kind: who shows it must ask for the same.
    """
    first: dict[tuple[str, str], tuple[str, Analysis]] = {}
    for at, item in items:
        if isinstance(item, Analysis):
            if item.of_weights and not keep_weights:
                reason = f"{at[-1]} shows the {item.kind}, which is computed from weights"
                yield ("keep_weights",), f"false – {reason} – write  keep_weights: true"
            yield from _other_settings(at, item, matrix, first)


def _other_settings(
    at: tuple[str, str], item: Analysis, matrix: Matrix, first: dict[tuple[str, str], tuple[str, Analysis]]
) -> Iterator[Problem]:
    """Yield the first setting that another item, one of the `first`, has asked for otherwise."""
    for run in item.analysed(matrix):
        other, settings = first.setdefault((item.kind, run.id), (at[-1], item))
        for key, value in item.settings.items():
            if value != (wanted := getattr(settings, key)):
                reason = f"{other} shows the {item.kind} of the same run, {run.id}, with {wanted}"
                yield (*at, key), f"{value} – {reason} – write  {line((*at, key), wanted)}"
                return


def too_many_samples(at: Location, item: Analysis, samples: int, m: int, matrix: Matrix) -> Iterator[Problem]:
    """Yield that there are not so many images, or that they make no whole groups of `m`."""
    runs = item.analysed(matrix)
    infos = {run.dataset: lets.data.catalogue.describe(run.dataset) for run in runs}
    if texts := [name for name, info in infos.items() if info.vocabulary]:
        place = (*at, "where", "dataset")
        images = [name for name in infos if name not in texts]
        remedy = f"write  {line(place, images)}" if images else "choose experiments on images"
        yield place, f"a {item.kind} of {texts[0]} – it is taken of images only – {remedy}"
        return
    there, least = min((measured_size(run), run.dataset) for run in runs)
    whole = f"{infos[least].title} is measured on {there} training images"
    if m > there:
        yield (*at, "m"), f"{m} – {whole} – write  m: {there}"
    elif samples > there:
        yield (*at, "samples"), f"{samples} – {whole} – write  samples: {there // m * m}"
    elif samples % m:
        fitting = min(-(-samples // m), there // m) * m
        reason = f"they make no whole groups of {m} images"
        yield (*at, "samples"), f"{samples} – {reason} – write  samples: {fitting}"


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

    def csv(self) -> Csv:
        """Return exactly the numbers shown, or what they follow from."""
        return Csv(
            ["method", "run", *columns(self.kind)],
            [Record(line, _method_address(line)) for line in self.lines()],
        )


def read_analyses(
    item: Analysis, records: Records, kind: type[Row], read: Callable[[Path], list[Row]]
) -> Analyses[Row]:
    """Read the analyses that a table or figure shows; raises RecordError when one is not what `read` expects."""

    def rows(run: Outcome) -> tuple[Row, ...]:
        return tuple(read(records.layout.analysis(item.kind, run.id))) if run.state == "finished" else ()

    outcomes = [records.outcome(run) for run in item.analysed(records.matrix)]
    groups = repeats(outcomes, ("method",))
    runs = [_unless_missing(groups[key][0], item.kind, records.layout) for key in in_order(groups)]
    return Analyses(kind, tuple(Analysed(run, rows(run)) for run in runs))


def method_record(table: str, values: list[Any]) -> Record:
    """Return a line of a table's csv; the first of its values is the method, which is its address."""
    return Record([table, *values], _method_address(values))


def _method_address(values: list[Any]) -> str:
    return address(("method",), values[:1])


def run_notes(analyses: Analyses[Any]) -> Iterator[str]:
    """Name the runs that a table shows, and those that it misses."""
    if analyses.there:
        yield f"First seed of each method: {', '.join(one.run.id for one in analyses.there)}."
    yield from absent_notes(analyses.runs)


def _unless_missing(outcome: Outcome, kind: str, layout: Layout) -> Outcome:
    """Return a finished run without its analysis as one that is missing."""
    if outcome.state != "finished" or layout.analysis(kind, outcome.id).is_file():
        return outcome
    reason = f"make its {kind}:  lets analyse {kind} --run {outcome.id}"
    return replace(outcome, state="missing", reason=reason)
