"""A metric beside what it costs: the passes of a step (`cost`), or all passes of a training (`pareto`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import nan
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeVar

from lets.config.effort import passes
from lets.config.labels import address, value_title
from lets.config.selection import RunMetric, Selection
from lets.figures.dots import DotRow, draw_rows
from lets.figures.figure import Figure
from lets.figures.series import Point, Series, caption, series_by_panel
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Outcome, Records, repeats
from lets.stats.summary import Summary
from lets.tables.baselines import Fixed, best_by_others
from lets.tables.notes import seeds_note
from lets.tables.table import Csv, Record

if TYPE_CHECKING:
    import matplotlib.figure

SHADED = "shaded: nothing else is as cheap and better"


class _Tradeoff(Figure):
    """A panel per value of one field, rows from the cheapest, those shaded that nothing is as cheap and better than."""

    axes: ClassVar[tuple[str, ...]] = ("panels",)

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return that passes are shown besides."""
        return super().reads(tables) | {"passes"}


class Cost(_Tradeoff):
    """A metric beside the passes that a step takes, a row per method, a panel per value of one field."""

    kind: Literal["cost"]
    metric: RunMetric = "test_accuracy"
    panels: str = "architecture"

    def grouped_by(self) -> tuple[str, ...]:
        """Return panels, and the methods in them."""
        return (self.panels, "method")

    def numbers(self, records: Records) -> Series:
        """Return the metric of every method in every panel over the passes of a step, both means over seeds."""
        bars = series_by_panel(records.shown(self), self.panels, self.metric)
        groups = repeats(bars.runs, self.grouped_by())
        points = [replace(one, x=_passes_per_step(groups[one.panel, one.method])) for one in bars.points]
        return replace(bars, x="passes_per_step", points=tuple(points))

    def caption(self, numbers: Series) -> str:
        """Return what a row is."""
        return f"{caption(numbers, '± 1 sample standard deviation')}; on the right: passes per step; {SHADED}"

    def draw(self, numbers: Series) -> "matplotlib.figure.Figure":
        """Draw a row with its spread per method."""
        names, quantity = numbers.panels, QUANTITIES[self.metric]
        rows = []
        for panel in names:
            points = [point for point in numbers.points if point.panel == panel]
            best = front(points, quantity.better)
            rows.append(
                [_row(point, point in best) for point in sorted(points, key=lambda one: one.x or 0.0)]
            )
        titles = [value_title(self.panels, panel) for panel in names]
        return draw_rows(rows, titles, quantity.label, "passes")


def _row(point: Point, best: bool) -> DotRow:
    title = value_title("method", point.method)
    return DotRow.of(title, point.method, point.summary, f"{point.x or 0.0:.2f}", best)


def _passes_per_step(runs: Sequence[Outcome]) -> float:
    finished = [run.metrics for run in runs if run.state == "finished" and run.metrics]
    return fmean(metrics.passes / metrics.steps for metrics in finished)


class Pareto(_Tradeoff):
    """A metric beside all passes of a training, a row per experiment and method, a panel per value of one field.

    A dot is the mean over radii (or starts), a line through it their range.
    """

    kind: Literal["pareto"]
    metric: RunMetric = "test_accuracy"
    panels: str = "noise"

    def numbers(self, records: Records) -> "Marks":
        """Read the runs of every experiment; raises SpecError if one mixes more than radii and seeds."""
        runs = {run.id: run for run in records.shown(self)}
        marks: list[Mark] = []
        for name in self.experiments:
            there = [runs[id] for id in records.matrix.experiments[name] if id in runs]
            for (panel, method), group in repeats_over_radii(there, self.panels).items():
                marks += _marks(self.metric, panel, name, method, group)
        titles = {name: records.params.experiments[name].title or name for name in self.experiments}
        return Marks(self.panels, tuple(marks), tuple(runs.values()), titles)

    def caption(self, numbers: "Marks") -> str:
        """Return what a row is."""
        spread = seeds_note((one.summary.n for one in numbers.marks), "of all radii, line: their range,")
        best = "best radius: of the grid, which costs the whole grid"
        return f"{spread}; on the right: passes of all trainings; {best}; {SHADED}"

    def draw(self, numbers: "Marks") -> "matplotlib.figure.Figure":
        """Draw a row per experiment and method, with its range over radii."""
        quantity, rows = QUANTITIES[self.metric], []
        for panel in numbers.panels:
            marks = sorted((one for one in numbers.marks if one.panel == panel), key=lambda mark: mark.passes)
            best = front(marks, quantity.better)
            rows.append([numbers.row(one, one in best) for one in marks])
        titles = [value_title(self.panels, panel) for panel in numbers.panels]
        return draw_rows(rows, titles, quantity.label, "passes")


@dataclass(frozen=True)
class Mark:
    """One method of one experiment: `summary` over seeds of the means over radii, `low` and `high` over radii.

    `best`: instead, the radius that is best for all other seeds, at the cost of training with every one.
    """

    panel: object
    experiment: str
    method: str
    best: bool
    passes: float
    summary: Summary
    low: float
    high: float

    @property
    def x(self) -> float:
        """Where it stands: its passes."""
        return self.passes


@dataclass(frozen=True)
class Marks:
    """What is drawn, and every run it was asked to be drawn from."""

    panel_field: str
    marks: tuple[Mark, ...]
    runs: tuple[Outcome, ...]
    titles: Mapping[str, str] = field(default_factory=dict)
    """of experiments"""

    def row(self, one: Mark, best: bool) -> DotRow:
        """Return how a mark is drawn; `best` if nothing else is as cheap and better."""
        title = f"{value_title('method', one.method)}, {self.titles.get(one.experiment, one.experiment)}"
        low, high = (nan, nan) if one.best else (one.low, one.high)
        label = title + ", best radius" * one.best
        return DotRow(label, one.method, one.summary.mean, low, high, f"{one.passes:,.0f}", best)

    @property
    def panels(self) -> list[object]:
        """The panels in the order of the params file, also those without a finished run."""
        return list(dict.fromkeys(run.field(self.panel_field) for run in self.runs))

    def csv(self) -> Csv:
        """Return exactly the numbers drawn."""
        header = [f"panel.{self.panel_field}", "method", "experiment", "best_radius", "passes"]
        return Csv([*header, "mean", "sd", "n", "low", "high"], [self._record(one) for one in self.marks])

    def _record(self, one: Mark) -> Record:
        numbers = (one.summary.mean, one.summary.sd, one.summary.n, one.low, one.high)
        where = address(("method", self.panel_field), (one.method, one.panel))
        return Record([one.panel, one.method, one.experiment, one.best, one.passes, *numbers], where)


def repeats_over_radii(runs: list[Outcome], panels: str) -> dict[tuple[object, str], Fixed]:
    """Group runs by panel and method, then by radius (0 where there is none) and seed."""
    found: dict[tuple[object, str], Fixed] = {}
    for (panel, method, radius), group in repeats(runs, (panels, "method", "rho")).items():
        found.setdefault((panel, method), {})[radius or 0.0] = {run.spec.seed: run for run in group}
    return found


def _marks(metric: str, panel: object, name: str, method: str, group: Fixed) -> Iterator[Mark]:
    """Yield that of any radius, and where the radius is fixed and several were tried, that of the best."""
    values = {
        radius: {seed: x for seed, run in seeds.items() if (x := run.value(metric)) is not None}
        for radius, seeds in group.items()
    }
    seeds = [seed for seed in next(iter(values.values())) if all(seed in one for one in values.values())]
    if not seeds:
        return
    costs = [passes(next(iter(runs.values())).spec) for runs in group.values()]
    radii = [fmean(one[seed] for seed in seeds) for one in values.values()]
    means = Summary.of([fmean(one[seed] for one in values.values()) for seed in seeds])
    yield Mark(panel, name, method, False, fmean(costs), means, min(radii), max(radii))
    if len(group) > 1 and not method.startswith("lets-"):
        higher = QUANTITIES[metric].better != "lower"
        best = Summary.of(list(best_by_others(group, lambda run: run.value(metric), higher).values()))
        if best.n:
            yield Mark(panel, name, method, True, sum(costs), best, best.mean, best.mean)


class Placed(Protocol):
    """Something with a cost `x` and a mean."""

    @property
    def x(self) -> float | None:
        """What it costs."""

    @property
    def summary(self) -> Summary:
        """What it reaches."""


One = TypeVar("One", bound=Placed)


def front(points: Sequence[One], better: Literal["higher", "lower"] | None) -> list[One]:
    """Return the points, from the cheapest, that no other is as cheap and better than; none of a neutral metric."""
    sign = {"higher": 1, "lower": -1, None: 0}[better]
    kept: list[One] = []
    for point in sorted(points, key=lambda one: (one.x or 0.0, -sign * one.summary.mean)):
        if sign and (not kept or sign * point.summary.mean > sign * kept[-1].summary.mean):
            kept.append(point)
    return kept
