"""Readings of LETS: what one experiment trained with a learned radius in one setting, from several starts."""

from dataclasses import dataclass
from functools import cached_property

from lets.results.outcomes import Outcome, read_outcome
from lets.results.repeats import repeats
from lets.spec import Layout, Matrix, Params
from lets.spec.matches import Learned, learned
from lets.spec.params import Selection


@dataclass(frozen=True)
class Reading(Learned):
    """What became of its runs: `outcomes`; `title` is what tables call the experiment."""

    title: str
    outcomes: tuple[Outcome, ...]

    @cached_property
    def by_start(self) -> dict[float, dict[int, Outcome]]:
        """start → seed → run, starts in increasing order."""
        groups = repeats(self.outcomes, ("rho",))
        return {start: {run.spec.seed: run for run in groups[start,]} for (start,) in sorted(groups)}

    @property
    def starts(self) -> list[float]:
        """The radii that it starts from."""
        return list(self.by_start)

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds for which every start has finished: only they say something of all starts."""
        asked = dict.fromkeys(run.seed for run in self.runs)
        return [seed for seed in asked if all(_finished(runs, seed) for runs in self.by_start.values())]


def readings(item: Selection, params: Params, matrix: Matrix, layout: Layout) -> list[Reading]:
    """Read what every experiment of a table trained with a learned radius; those of a setting and method together.

    Raises SpecError if runs of one of them differ in more than seed and start.
    """
    found = []
    for one in learned(item, matrix):
        title = params.experiments[one.experiment].title or one.experiment
        outcomes = tuple(read_outcome(run, layout) for run in one.runs)
        found.append(Reading(**vars(one), title=title, outcomes=outcomes))
    return found


def _finished(runs: dict[int, Outcome], seed: int) -> bool:
    return seed in runs and runs[seed].state == "finished"
