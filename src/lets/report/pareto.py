"""The numbers of a Pareto figure: what the trainings of each experiment cost and reach, over all their radii."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from lets.report.tidy import csv_text
from lets.results import QUANTITIES, Outcome, Summary, read_outcome
from lets.results.baselines import Fixed, best_by_others
from lets.results.repeats import repeats
from lets.spec import Layout, Matrix
from lets.spec.effort import passes
from lets.spec.params import Pareto


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

    def csv(self) -> str:
        """Return exactly the numbers drawn."""
        header = [f"panel.{self.panel_field}", "method", "experiment", "best_radius", "passes"]
        lines = []
        for one in self.marks:
            numbers = (one.summary.mean, one.summary.sd, one.summary.n, one.low, one.high)
            lines.append([one.panel, one.method, one.experiment, one.best, one.passes, *numbers])
        return csv_text([*header, "mean", "sd", "n", "low", "high"], lines)


def pareto_marks(figure: Pareto, matrix: Matrix, layout: Layout) -> Marks:
    """Read the runs of every experiment; raises SpecError if one mixes more than radii and seeds."""
    runs = {run.id: read_outcome(run, layout) for run in matrix.select(figure)}
    marks: list[Mark] = []
    for name in figure.experiments:
        there = [runs[id] for id in matrix.experiments[name] if id in runs]
        for (panel, method), group in repeats_over_radii(there, figure.panels).items():
            marks += _marks(figure, panel, name, method, group)
    return Marks(figure.panels, tuple(marks), tuple(runs.values()))


def repeats_over_radii(runs: list[Outcome], panels: str) -> dict[tuple[object, str], Fixed]:
    """Group runs by panel and method, then by radius (0 where there is none) and seed."""
    found: dict[tuple[object, str], Fixed] = {}
    for (panel, method, radius), group in repeats(runs, (panels, "method", "rho")).items():
        found.setdefault((panel, method), {})[radius or 0.0] = {run.spec.seed: run for run in group}
    return found


def _marks(figure: Pareto, panel: object, name: str, method: str, group: Fixed) -> Iterator[Mark]:
    """That of any radius, and where the radius is fixed and several were tried, that of the best."""
    values = {
        radius: {seed: x for seed, run in seeds.items() if (x := run.value(figure.metric)) is not None}
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
        higher = QUANTITIES[figure.metric].better != "lower"
        best = Summary.of(list(best_by_others(group, lambda run: run.value(figure.metric), higher).values()))
        if best.n:
            yield Mark(panel, name, method, True, sum(costs), best, best.mean, best.mean)
