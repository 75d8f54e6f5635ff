"""A comparison table as numbers: every pair of methods in every setting, and Holm's correction over all of them."""

from dataclasses import dataclass
from functools import cached_property

from lets.results.holm import holm
from lets.results.outcomes import Outcome, read_outcome
from lets.results.paired import Paired
from lets.results.repeats import repeats
from lets.spec import Layout, Matrix
from lets.spec.matches import SETTING, Setting, matches
from lets.spec.params import Comparison


@dataclass(frozen=True)
class Pair:
    """One method against another in one setting; `first` and `second` list every run asked for."""

    method: str
    against: str
    setting: Setting
    metric: str
    first: tuple[Outcome, ...]
    second: tuple[Outcome, ...]

    @property
    def runs(self) -> tuple[Outcome, ...]:
        """The runs of both."""
        return (*self.first, *self.second)

    @property
    def seeds(self) -> list[int]:
        """The seeds that were asked for of both."""
        others = {run.spec.seed for run in self.second}
        return [run.spec.seed for run in self.first if run.spec.seed in others]

    @cached_property
    def paired(self) -> Paired:
        """The difference method - against of the metric, over the seeds that both have it for."""
        return Paired.of(_values(self.first, self.metric), _values(self.second, self.metric))


@dataclass(frozen=True)
class Compared:
    """All pairs of a table, and beside each of them the p of its t test as Holm corrects it."""

    table: Comparison
    pairs: tuple[Pair, ...]
    corrected: tuple[float | None, ...]

    @property
    def family(self) -> int:
        """How many tests were corrected as one family."""
        return sum(p is not None for p in self.corrected)

    @property
    def runs(self) -> list[Outcome]:
        """Every run of every pair."""
        return [run for pair in self.pairs for run in pair.runs]


def compare(table: Comparison, matrix: Matrix, layout: Layout) -> Compared:
    """Read the runs of a table and compare them; raises SpecError if a method has several variants in a setting."""
    found = matches(table, matrix.select(table))
    outcomes = {run.id: read_outcome(run, layout) for match in found for run in match.runs}
    repeats(outcomes.values(), (*SETTING, "method"))
    pairs = []
    for match in found:
        first, second = (tuple(outcomes[run.id] for run in runs) for runs in (match.first, match.second))
        pairs.append(Pair(match.method, match.against, match.setting, table.metric, first, second))
    return Compared(table, tuple(pairs), tuple(holm([pair.paired.t_p for pair in pairs])))


def _values(runs: tuple[Outcome, ...], metric: str) -> dict[int, float]:
    values = ((run.spec.seed, run.value(metric)) for run in runs)
    return {seed: value for seed, value in values if value is not None}
