"""What one experiment trained with a learned radius in one setting, from several initial radii."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from lets.config.labels import address
from lets.config.matrix import SETTING, Matrix, Setting, by_setting
from lets.config.messages import Location, Problem
from lets.config.run import RunSpec
from lets.config.selection import Selection
from lets.optim.catalogue import METHODS
from lets.runs.outcomes import Outcome, Records, repeats


@dataclass(frozen=True)
class LearnedRuns:
    """What one experiment trains with a learned radius in one setting: one method, from every initial radius."""

    experiment: str
    method: str
    setting: Setting
    runs: tuple[RunSpec, ...]

    @property
    def address(self) -> str:
        """Where it is: `literal × LETS-SAM × Digits × clean labels × ResNet (small)`."""
        return f"{self.experiment} × {address(('method', *SETTING), (self.method, *self.setting))}"

    @property
    def base(self) -> str:
        """The method whose radius is learned."""
        return self.method.removeprefix("lets-")


def learned_runs(item: Selection, matrix: Matrix) -> list[LearnedRuns]:
    """Return every method with a learned radius of every experiment of an item, those of a setting together."""
    shown = {run.id for run in item.chosen(matrix)}
    found: list[LearnedRuns] = []
    for name in item.experiments:
        runs = [matrix.runs[id] for id in matrix.experiments[name] if id in shown]
        for setting, group in by_setting(
            [run for run in runs if METHODS[run.method].needs_validation]
        ).items():
            for method in dict.fromkeys(run.method for run in group):
                own = tuple(run for run in group if run.method == method)
                found.append(LearnedRuns(name, method, setting, own))
    places = list(dict.fromkeys((one.setting, one.method) for one in found))
    return sorted(found, key=lambda one: places.index((one.setting, one.method)))


def not_learned(at: Location, item: Selection, matrix: Matrix) -> Iterator[Problem]:
    """Yield that no method learns its radius, or that its runs differ in more than seed and initial radius."""
    found, runs = learned_runs(item, matrix), item.chosen(matrix)
    if not found:
        methods = ", ".join(dict.fromkeys(run.method for run in runs))
        yield (*at, "experiments"), f"without a row – none of {methods} learns its radius – add a lets-method"
    for one in found:
        if differing := _differing(one.runs):
            reason = f"its runs of {one.method} differ in {differing}, not in seed and rho alone"
            yield (*at, "experiments"), f"{one.experiment!r} – {reason} – make two experiments of it"


def _differing(runs: Sequence[RunSpec]) -> str:
    """Return the first field, besides seed and rho, in which runs of one method and setting differ."""
    first = runs[0].variant | {"training": runs[0].training}
    for run in runs[1:]:
        other = run.variant | {"training": run.training}
        for name, value in first.items():
            if name != "rho" and value != other[name]:
                return name
    return ""


@dataclass(frozen=True)
class LearnedOutcomes(LearnedRuns):
    """What became of its runs: `outcomes`; `title` is what tables call the experiment."""

    title: str
    outcomes: tuple[Outcome, ...]

    @cached_property
    def by_initial_radius(self) -> dict[float, dict[int, Outcome]]:
        """initial radius → seed → run, radii in increasing order."""
        groups = repeats(self.outcomes, ("rho",))
        return {radius: {run.spec.seed: run for run in groups[radius,]} for (radius,) in sorted(groups)}

    @property
    def initial_radii(self) -> list[float]:
        """The radii that it starts from."""
        return list(self.by_initial_radius)

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds for which every initial radius has finished: only they say something of all."""
        asked = dict.fromkeys(run.seed for run in self.runs)
        return [
            seed for seed in asked if all(_finished(runs, seed) for runs in self.by_initial_radius.values())
        ]


def learned_outcomes(item: Selection, records: Records) -> list[LearnedOutcomes]:
    """Read what every experiment of a table trained with a learned radius; those of a setting and method together.

    Raises SpecError if runs of one of them differ in more than seed and initial radius.
    """
    found = []
    for one in learned_runs(item, records.matrix):
        title = records.params.experiments[one.experiment].title or one.experiment
        outcomes = tuple(records.outcome(run) for run in one.runs)
        found.append(LearnedOutcomes(**vars(one), title=title, outcomes=outcomes))
    return found


def _finished(runs: dict[int, Outcome], seed: int) -> bool:
    return seed in runs and runs[seed].state == "finished"
