"""Whether learned radii move, where to, and whether it matters where they start."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import log
from statistics import fmean, linear_regression

from lets.results.equivalence import all_within, one_beyond
from lets.results.holm import ALPHA, holm
from lets.results.paired import Paired
from lets.results.readings import Reading, readings
from lets.results.summary import Summary
from lets.spec import Layout, Matrix, Params
from lets.spec.params import Starts


@dataclass(frozen=True)
class Course:
    """Where the radii of one reading went. Logarithms, because a radius is positive and starts span decades.

    Every number but `ends` is one per seed, over all starts; only seeds for which all starts finished count.
    """

    reading: Reading
    metric: str
    margin: float

    @cached_property
    def moved(self) -> Summary:
        """Mean |ln(ρ_T / ρ_0)| of each seed: 0 stands still, ln 2 is halved or doubled."""
        return _summary(
            fmean(abs(log(end / start)) for start, end in self._ends(seed)) for seed in self.reading.seeds
        )

    @cached_property
    def memory(self) -> Summary:
        """Slope of ln ρ_T over ln ρ_0 of each seed: 1 as far apart as at the start, 0 all at one radius.

        Nothing for a single start.
        """
        if len(self.reading.starts) < 2:
            return _summary(())
        return _summary(
            linear_regression(
                *zip(*[(log(start), log(end)) for start, end in self._ends(seed)], strict=True)
            ).slope
            for seed in self.reading.seeds
        )

    @property
    def ends(self) -> tuple[float, float] | None:
        """The smallest and the largest final radius."""
        found = [end for seed in self.reading.seeds for _, end in self._ends(seed)]
        return (min(found), max(found)) if found else None

    @cached_property
    def by_start(self) -> dict[float, Summary]:
        """The metric, by start."""
        return {start: _summary(self._values(start).values()) for start in self.reading.starts}

    @property
    def spread(self) -> float | None:
        """The largest difference of two starts' means."""
        means = [one.mean for one in self.by_start.values() if one.n]
        return max(means) - min(means) if len(means) > 1 else None

    @cached_property
    def differences(self) -> list[Paired]:
        """Every start against every other, seed by seed."""
        return [Paired.of(self._values(a), self._values(b)) for a, b in combinations(self.reading.starts, 2)]

    @property
    def within(self) -> bool:
        """Whether all means are within the margin of one another."""
        return self.spread is not None and self.spread < self.margin

    @cached_property
    def p(self) -> float | None:
        """The p of the test: that all starts are the same within the margin, or where they are not, that two differ."""
        if len(self.reading.seeds) < 2:
            return None
        test = all_within if self.within else one_beyond
        return test(self.differences, self.margin)

    def _ends(self, seed: int) -> list[tuple[float, float]]:
        """Every start with the radius at its end."""
        found = ((start, runs[seed].value("rho")) for start, runs in self.reading.by_start.items())
        return [(start, end) for start, end in found if end is not None]

    def _values(self, start: float) -> dict[int, float]:
        runs = self.reading.by_start[start]
        values = ((seed, runs[seed].value(self.metric)) for seed in self.reading.seeds)
        return {seed: value for seed, value in values if value is not None}


@dataclass(frozen=True)
class Courses:
    """All rows of a table, and beside each its p as Holm corrects it for all of them."""

    table: Starts
    courses: tuple[Course, ...]
    corrected: tuple[float | None, ...]


def courses(table: Starts, params: Params, matrix: Matrix, layout: Layout) -> Courses:
    """Read the runs of a table; raises SpecError if a reading mixes variants."""
    found = tuple(Course(one, table.metric, table.margin) for one in readings(table, params, matrix, layout))
    return Courses(table, found, tuple(holm([one.p for one in found])))


def start_matters(course: Course, corrected: float | None) -> str:
    """Return the verdict on a row in a word: yes, no, or undecided."""
    if len(course.reading.starts) < 2:
        return "one start"
    if corrected is None or corrected >= ALPHA:
        return "undecided"
    return "no" if course.within else "yes"


def _summary(values: Iterable[float]) -> Summary:
    return Summary.of(list(values))
