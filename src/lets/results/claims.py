"""A verdict on every claim of the paper, by one rule.

A unit of a test is the difference of one comparison (a pair in a setting), a mean over seeds: seeds repeat a setting,
they are no settings of their own. Of less than LEAST comparisons the units are seeds: their differences, averaged over
the comparisons. The mean of the units is tested by t; the p of all claims are one family (Holm).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from statistics import fmean

from lets.results.contests import Contest, Contests, contests_of
from lets.results.equivalence import all_within, one_beyond
from lets.results.holm import ALPHA, holm
from lets.results.measures import MEASURES
from lets.results.paired import Paired
from lets.results.quantities import Quantity
from lets.results.ties import settled
from lets.spec import Layout, Matrix, Params
from lets.spec.claims import Best, Claim, Equivalent, original
from lets.spec.matches import Setting
from lets.spec.strict import Scalar

LEAST = 3
"""units of a test: of two, whose t has one degree of freedom, a family of tests can decide nothing but by accident"""


class Ruling(StrEnum):
    """What runs say of a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    CONTRADICTED = "contradicted"
    NOT_ENOUGH = "not enough runs"


@dataclass(frozen=True)
class Tested:
    """A claim and its test, before the correction for all others."""

    name: str
    claim: Claim
    contests: Contests
    absent: tuple[Setting, ...]
    """settings of the paper that nothing in this profile stands for"""

    @property
    def quantity(self) -> Quantity:
        """What is compared."""
        return MEASURES[self.claim.metric]

    @property
    def by_settings(self) -> bool:
        """Whether the units are comparisons rather than seeds."""
        return len(self.group) >= LEAST

    @cached_property
    def group(self) -> tuple[Contest, ...]:
        """The comparisons whose mean is tested: all, but for an equivalence the pair that is farthest apart."""
        contests = self.contests.all
        if not isinstance(self.claim, Equivalent):
            return contests
        groups = _by_pair(contests)
        return max(groups, key=lambda group: abs(units(group).mean or 0), default=())

    @cached_property
    def units(self) -> Paired:
        """The differences that are tested, numbered by comparison, or by seed."""
        return units(self.group)

    @property
    def decidable(self) -> bool:
        """Whether every run is there, and units are enough."""
        return not self.contests.to_do and self.units.n >= LEAST

    @cached_property
    def p(self) -> float | None:
        """The p of the test, two-sided; None if there is none."""
        if not self.decidable:
            return None
        if isinstance(self.claim, Equivalent):
            return _equivalence_p(self.contests.all, self.claim.margin, self.holds)
        if isinstance(self.claim, Best) and not self.holds:
            return self._beaten_p()
        return self.units.t_p

    def _beaten_p(self) -> float | None:
        """The p that one rival is ahead of every winner, in the mean of all settings (Bonferroni over rivals).

        The best of a setting was picked for being ahead there; a rival that is the same everywhere was not.
        """
        against: dict[Scalar, list[float]] = {}
        for pair in _by_pair(self.contests.rivalry):
            sample = units(pair)
            p = 1.0 if self._as_claimed(sample.mean) else sample.t_p
            against.setdefault(pair[0].second, []).append(1.0 if p is None else p)
        return min((min(1.0, len(against) * max(found)) for found in against.values()), default=None)

    @property
    def holds(self) -> bool:
        """Whether the mean difference is on the side of the claim."""
        return self._as_claimed(self.units.mean)

    @property
    def agreeing(self) -> int:
        """In how many comparisons it is."""
        return sum(self._as_claimed(one.paired.mean) for one in self.contests.all)

    def _as_claimed(self, difference: float | None) -> bool:
        if difference is None:
            return False
        if isinstance(self.claim, Equivalent):
            return abs(difference) < self.claim.margin
        return difference < 0 if self.quantity.better == "lower" else difference > 0


@dataclass(frozen=True)
class Judged:
    """A claim, its test, the p that Holm's correction leaves, and the ruling."""

    tested: Tested
    corrected: float | None
    ruling: Ruling


def judge(claims: Mapping[str, Claim], params: Params, matrix: Matrix, layout: Layout) -> tuple[Judged, ...]:
    """Test every claim on the runs of a profile; raises SpecError if a mean would mix variants."""
    tested = [_test(name, claim, params, matrix, layout) for name, claim in claims.items()]
    corrected = holm([one.p for one in tested])
    return tuple(Judged(one, p, ruling(one, p)) for one, p in zip(tested, corrected, strict=True))


def ruling(tested: Tested, corrected: float | None) -> Ruling:
    """Return the verdict that the corrected p leads to."""
    if not tested.decidable:
        return Ruling.NOT_ENOUGH
    if corrected is None or corrected >= ALPHA:
        return Ruling.NOT_SUPPORTED
    if not tested.holds:
        return Ruling.CONTRADICTED
    everywhere = tested.agreeing == len(tested.contests.all)
    return Ruling.SUPPORTED if everywhere or not tested.claim.everywhere else Ruling.NOT_SUPPORTED


def units(contests: tuple[Contest, ...]) -> Paired:
    """Return the mean of every comparison, or of less than LEAST of them the seeds that all have, averaged."""
    if len(contests) >= LEAST:
        means = {place: one.paired.mean for place, one in enumerate(contests)}
        return Paired({place: settled(mean) for place, mean in means.items() if mean is not None})
    differences = [one.paired.differences for one in contests]
    shared = [seed for seed in differences[0] if all(seed in of for of in differences)] if contests else []
    return Paired({seed: settled(fmean(of[seed] for of in differences)) for seed in shared})


def _test(name: str, claim: Claim, params: Params, matrix: Matrix, layout: Layout) -> Tested:
    contests = contests_of(claim, params, matrix, layout)
    there = {original(run.setting, params) for run in contests.all}
    return Tested(name, claim, contests, tuple(place for place in claim.settings if place not in there))


def _by_pair(contests: tuple[Contest, ...]) -> list[tuple[Contest, ...]]:
    pairs: dict[object, tuple[Contest, ...]] = {}
    for one in contests:
        pairs[one.first, one.second] = (*pairs.get((one.first, one.second), ()), one)
    return list(pairs.values())


def _equivalence_p(contests: tuple[Contest, ...], margin: float, within: bool) -> float | None:
    """The p that all pairs are within the margin, or that one is beyond."""
    samples = [units(group) for group in _by_pair(contests)]
    return all_within(samples, margin) if within else one_beyond(samples, margin)
