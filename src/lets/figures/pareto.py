"""A metric over all passes of a training, a mark per experiment and method, a panel per value of one field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from statistics import fmean
from string import ascii_lowercase
from typing import TYPE_CHECKING, ClassVar, Literal

from lets.config.effort import passes
from lets.config.labels import address, value_title
from lets.config.selection import RunMetric, Selection, read_for
from lets.figures.figure import Figure
from lets.figures.front import front, stairs
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


APART = 0.055
"""between marks of equal cost, in natural logarithms"""


class Pareto(Figure):
    """A metric over all passes of a training, a mark per experiment and method, a panel per value of one field.

    A mark is the mean over radii (or starts), a line through it their range. What is best for its passes is marked.
    """

    kind: Literal["pareto"]
    metric: RunMetric = "test_accuracy"
    panels: str = "noise"

    axes: ClassVar[tuple[str, ...]] = ("panels",)

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return that passes are shown besides."""
        return frozenset({read_for(self.metric), "passes"})

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
            for one, place in zip(shown, side_by_side([mark.passes for mark in shown]), strict=True):
                _mark(axes, one, place, letters[one.experiment])
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


def side_by_side(costs: Sequence[float]) -> list[float]:
    """Return where to draw them: those of (nearly) equal cost stand side by side, around it."""
    found = []
    for index, cost in enumerate(costs):
        level = [other for other, one in enumerate(costs) if abs(log(one / cost)) < APART / 2]
        found.append(cost * (1 + APART) ** (level.index(index) - (len(level) - 1) / 2))
    return found


def _look_at_means(axes: "Axes", marks: Sequence[Mark]) -> None:
    """Marks fill the panel; a range that is much longer runs out of it."""
    means = [one.summary.mean for one in marks]
    room = 0.25 * (max(means) - min(means)) or 1.0
    axes.set_ylim(min(means) - room, max(means) + room)


def _mark(axes: "Axes", one: Mark, place: float, letter: str) -> None:
    look = look_of(one.method) | {"linestyle": "", "markersize": 3.6}
    spread = [[one.summary.mean - one.low], [one.high - one.summary.mean]]
    axes.errorbar(place, one.summary.mean, yerr=None if one.best else spread, elinewidth=0.6, **look)
    text = f"{letter}*" if one.best else letter
    at = (place, one.summary.mean)
    axes.annotate(text, at, xytext=(0, 4), textcoords="offset points", ha="center", fontsize=6, color=GREY)
