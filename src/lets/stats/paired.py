"""Two samples compared seed by seed: t and permutation tests, equivalence (TOST), Holm's correction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lets.stats.summary import Summary, rounded, whole

EXACT = 14  # seeds up to which every one of the 2ⁿ sign patterns is tried: 0.04 s
PATTERNS = 9_999  # drawn at random for more seeds


@dataclass(frozen=True)
class Paired:
    """The differences first - second, by seed. What a few seeds cannot say is None, never NaN.

    One difference has no spread, hence no interval and no p. Differences that are all equal have none either:
    t would be infinite or 0/0, which says more about the resolution of the metric than about the methods.
    """

    differences: Mapping[int, float]

    @classmethod
    def of(cls, first: Mapping[int, float], second: Mapping[int, float]) -> "Paired":
        """Compare two samples over the seeds that both have; differences are rounded so that ties stay ties."""
        shared = [seed for seed in first if seed in second]
        return cls({seed: rounded(first[seed] - second[seed]) for seed in shared})

    @property
    def n(self) -> int:
        """How many seeds both samples have."""
        return len(self.differences)

    @property
    def mean(self) -> float | None:
        """The mean difference."""
        return self._summary.mean if self.n else None

    @property
    def sd(self) -> float | None:
        """The sample standard deviation of the differences (ddof 1)."""
        return self._summary.sd if self.n > 1 else None

    @property
    def constant(self) -> bool:
        """Whether there are several differences, all equal: they have no variance to test against."""
        return self.n > 1 and len(set(self.differences.values())) == 1

    @property
    def testable(self) -> bool:
        """Whether the differences have a variance."""
        return self.n > 1 and not self.constant

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Return the t interval of the mean difference."""
        return self._summary.interval(level) if self.testable else None

    @property
    def effect(self) -> float | None:
        """Cohen's d of paired samples, mean/sd; of two or three seeds it scatters widely."""
        return self._summary.mean / self._summary.sd if self.testable else None

    @cached_property
    def t_p(self) -> float | None:
        """Two-sided p of the paired t test; its null hypothesis: the mean difference is 0."""
        return self.shifted_p(0.0, "two-sided")

    def shifted_p(self, mean: float, alternative: str) -> float | None:
        """Return the p of the t test that the mean difference is `mean`, against `less`, `greater`, `two-sided`."""
        if not self.testable:
            return None
        import scipy

        return float(scipy.stats.ttest_1samp(self._values, mean, alternative=alternative).pvalue)

    @cached_property
    def permutation_p(self) -> float | None:
        """Two-sided p of the sign-flip test: how many of the 2ⁿ sign patterns have a mean as far from 0.

        It assumes no normal distribution and can never be below 2/2ⁿ. Exact up to EXACT seeds; beyond, from
        PATTERNS patterns drawn with a fixed seed.
        """
        if self.n < 2:
            return None
        import numpy
        import scipy

        # Sums of whole numbers are exact: a pattern that ties with what was observed counts.
        data = [whole(value) for value in self._values]
        few = self.n <= EXACT
        return float(
            scipy.stats.permutation_test(
                (numpy.array(data, dtype=float),),
                _size_of_sum,
                permutation_type="samples",
                vectorized=True,
                alternative="greater",
                n_resamples=numpy.inf if few else PATTERNS,
                rng=numpy.random.default_rng(0),
            ).pvalue
        )

    @cached_property
    def _summary(self) -> Summary:
        return Summary.of(self._values)

    @property
    def _values(self) -> list[float]:
        return list(self.differences.values())


def least_permutation_p(n: int) -> float | None:
    """Return 2/2ⁿ: all differences have one sign, and only their mirror image is as far from 0."""
    return 2.0 ** (1 - n) if n > 1 else None


def _size_of_sum(data: Any, axis: int) -> Any:
    return abs(data.sum(axis=axis))


def equivalence_p(paired: Paired, margin: float) -> float | None:
    """Return the p that the mean difference is within ±`margin`: the larger of two one-sided tests (TOST).

    None where differences have no variance; raises ValueError for a margin ≤ 0.
    """
    if not margin > 0:
        raise ValueError(f"a margin of {margin} – nothing is within it – state one above 0")
    above, below = paired.shifted_p(-margin, "greater"), paired.shifted_p(margin, "less")
    return None if above is None or below is None else max(above, below)


def all_within(samples: Iterable[Paired], margin: float) -> float | None:
    """Return the p that every mean difference is within the margin: the largest, each has to pass its own test."""
    found = [equivalence_p(sample, margin) for sample in samples]
    return None if None in found else max((p for p in found if p is not None), default=None)


def one_beyond(samples: Sequence[Paired], margin: float) -> float | None:
    """Return the p that some mean difference is beyond the margin: the smallest, times their number (Bonferroni)."""
    beyond = [_beyond_p(sample, margin) for sample in samples]
    return min((min(1.0, p * len(samples)) for p in beyond if p is not None), default=None)


def _beyond_p(sample: Paired, margin: float) -> float | None:
    """The two-sided p that the mean is beyond the margin on the side where it lies."""
    if sample.mean is None or abs(sample.mean) < margin:
        return None
    side = "greater" if sample.mean > 0 else "less"
    p = sample.shifted_p(margin if sample.mean > 0 else -margin, side)
    return None if p is None else min(1.0, 2 * p)


ALPHA = 0.05
"""the level of every verdict: a corrected p below it decides"""


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Return the adjusted p of each; of m that exist the smallest counts m times, the next m - 1 times, …

    None, a test that could not be made, stays None and is no member of the family.
    """
    adjusted: list[float | None] = [None] * len(values)
    family = sorted((value, place) for place, value in enumerate(values) if value is not None)
    highest = 0.0
    for rank, (value, place) in enumerate(family):
        highest = max(highest, min(1.0, (len(family) - rank) * value))
        adjusted[place] = highest
    return adjusted


def holm_within(families: Sequence[object], values: Sequence[float | None]) -> list[float | None]:
    """Return the adjusted p of each among those with an equal entry of `families`: the tests of one question."""
    adjusted: list[float | None] = [None] * len(values)
    for family in dict.fromkeys(families):
        places = [place for place, one in enumerate(families) if one == family]
        for place, p in zip(places, holm([values[place] for place in places]), strict=True):
            adjusted[place] = p
    return adjusted
