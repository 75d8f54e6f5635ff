"""A metric and what it costs: over the passes of a step (`cost`), or over all passes of a training (`pareto`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from statistics import fmean
from string import ascii_lowercase
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeVar

from lets.config.effort import passes
from lets.config.labels import address, value_title
from lets.config.selection import RunMetric, Selection
from lets.figures.figure import Figure
from lets.figures.series import Point, Series, caption, series_by_panel
from lets.figures.styles import GREY, look_of
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Outcome, Records, repeats
from lets.stats.summary import Summary
from lets.tables.baselines import Fixed, best_by_others
from lets.tables.notes import seeds_note
from lets.tables.table import Csv, Record

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes

APART = 0.11
"""passes between marks of equal cost"""
APART_IN_LOGARITHMS = 0.055
"""the same on a logarithmic axis, in natural logarithms"""
FRONT = "#b8b8b8"
"""the colour of the stairs"""


class _Tradeoff(Figure):
    """A panel per value of one field, a mark per method, stairs along what nothing is as cheap and better than."""

    axes: ClassVar[tuple[str, ...]] = ("panels",)

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return that passes are shown besides."""
        return super().reads(tables) | {"passes"}


class Cost(_Tradeoff):
    """A metric over the passes that a step takes, a mark per method, a panel per value of one field."""

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
        """Return what a mark is, and the stairs."""
        return (
            f"{caption(numbers, '± 1 sample standard deviation')}; marks of equal cost stand side by side; "
            "grey stairs: no other method is as cheap and better"
        )

    def draw(self, numbers: Series) -> "matplotlib.figure.Figure":
        """Draw a mark with its spread per method, and the stairs of those that nothing else beats in both."""
        from lets.figures.canvas import entitle, label_left, legend_above, panels, whole_ticks

        names, quantity = numbers.panels, QUANTITIES[self.metric]
        figure, grid = panels(len(names), width=1.7 if len(names) == 1 else 1.0)
        for panel, axes in zip(names, grid, strict=True):
            points = [point for point in numbers.points if point.panel == panel]
            stairs(axes, front(points, quantity.better))
            for point, place in zip(points, side_by_side([point.x or 0.0 for point in points]), strict=True):
                _mark(axes, point, place)
            entitle(axes, value_title(self.panels, panel))
            axes.set_xlabel("Passes per step")
            whole_ticks(axes)
            axes.margins(x=0.12)
        label_left(grid, quantity.label)
        legend_above(figure, grid)
        return figure


def _passes_per_step(runs: Sequence[Outcome]) -> float:
    finished = [run.metrics for run in runs if run.state == "finished" and run.metrics]
    return fmean(metrics.passes / metrics.steps for metrics in finished)


def side_by_side(costs: Sequence[float]) -> list[float]:
    """Return where to draw them: those that would lie on one another are moved apart, around their cost."""
    places = []
    for index, cost in enumerate(costs):
        level = [other for other, one in enumerate(costs) if abs(one - cost) < APART / 2]
        places.append(cost + APART * (level.index(index) - (len(level) - 1) / 2))
    return places


def _mark(axes: "Axes", point: Point, place: float) -> None:
    look = look_of(point.method) | {"linestyle": "", "markersize": 4.4}
    spread = point.summary.sd if point.summary.n > 1 else None
    axes.errorbar(place, point.summary.mean, yerr=spread, capsize=2, elinewidth=0.8, **look)


class Pareto(_Tradeoff):
    """A metric over all passes of a training, a mark per experiment and method, a panel per value of one field.

    A mark is the mean over radii (or starts), a line through it their range. What is best for its passes is marked.
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
        return Marks(self.panels, tuple(marks), tuple(runs.values()))

    def caption(self, numbers: "Marks") -> str:
        """Return what a mark is, and what its letter stands for."""
        spread = seeds_note((one.summary.n for one in numbers.marks), "of all radii, line: their range,")
        letters = ", ".join(f"{letter}\N{NO-BREAK SPACE}{name}" for name, letter in lettered(numbers).items())
        stairs = "*: the best radius of a grid, which costs the whole grid; grey stairs: nothing is as cheap and better"
        return f"{spread}; {stairs}; {letters}"

    def draw(self, numbers: "Marks") -> "matplotlib.figure.Figure":
        """Draw a mark per experiment and method, its range over radii, and the stairs that nothing is above."""
        from lets.figures.canvas import costs_along, entitle, label_left, legend_above, panels

        names, quantity, letters = numbers.panels, QUANTITIES[self.metric], lettered(numbers)
        figure, grid = panels(len(names), width=2.0, height=1.5)
        for panel, axes in zip(names, grid, strict=True):
            shown = [one for one in numbers.marks if one.panel == panel]
            stairs(axes, front(shown, quantity.better))
            for one, place in zip(
                shown, side_by_side_in_logarithms([mark.passes for mark in shown]), strict=True
            ):
                _lettered_mark(axes, one, place, letters[one.experiment])
            if shown:
                _look_at_means(axes, shown)
            entitle(axes, value_title(self.panels, panel))
            costs_along(axes)
            axes.set_xlabel("Passes of all trainings")
        label_left(grid, quantity.label)
        legend_above(figure, grid)
        return figure


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


def lettered(marks: Marks) -> dict[str, str]:
    """Return the letter of each experiment, in the order in which they are shown."""
    names = dict.fromkeys(one.experiment for one in marks.marks)
    return dict(zip(names, ascii_lowercase, strict=False))


def side_by_side_in_logarithms(costs: Sequence[float]) -> list[float]:
    """Return the same for costs on a logarithmic axis, where those nearly equal lie on one another too."""
    found = []
    for index, cost in enumerate(costs):
        level = [other for other, one in enumerate(costs) if abs(log(one / cost)) < APART_IN_LOGARITHMS / 2]
        found.append(cost * (1 + APART_IN_LOGARITHMS) ** (level.index(index) - (len(level) - 1) / 2))
    return found


def _look_at_means(axes: "Axes", marks: Sequence[Mark]) -> None:
    """Marks fill the panel; a range that is much longer runs out of it."""
    means = [one.summary.mean for one in marks]
    room = 0.25 * (max(means) - min(means)) or 1.0
    axes.set_ylim(min(means) - room, max(means) + room)


def _lettered_mark(axes: "Axes", one: Mark, place: float, letter: str) -> None:
    look = look_of(one.method) | {"linestyle": "", "markersize": 3.6}
    spread = [[one.summary.mean - one.low], [one.high - one.summary.mean]]
    axes.errorbar(place, one.summary.mean, yerr=None if one.best else spread, elinewidth=0.6, **look)
    text = f"{letter}*" if one.best else letter
    at = (place, one.summary.mean)
    axes.annotate(text, at, xytext=(0, 4), textcoords="offset points", ha="center", fontsize=6, color=GREY)


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


def stairs(axes: "Axes", points: Sequence[Placed]) -> None:
    """Draw them up to the next one's cost: what can be had for so many passes."""
    if len(points) > 1:
        x, y = [point.x or 0.0 for point in points], [point.summary.mean for point in points]
        axes.step(x, y, where="post", color=FRONT, linewidth=1.6, zorder=1)
