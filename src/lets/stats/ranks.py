"""Methods ranked over several settings (Demšar 2006), and the probability of an improvement (Agarwal et al. 2021)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lets.stats.summary import rounded

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]


@dataclass(frozen=True)
class Friedman:
    """Friedman's chi-squared `statistic`, corrected for ties, and its p; its null hypothesis: no method differs."""

    statistic: float
    p: float


def average_ranks(scores: Sequence[Sequence[float]], higher_is_better: bool = True) -> list[float]:
    """Return the mean rank of each method, 1 for the best; ties share. `scores`: settings × methods, not empty."""
    sign = -1 if higher_is_better else 1
    table = [[sign * rounded(score) for score in setting] for setting in scores]
    import scipy

    ranks = scipy.stats.rankdata(table, axis=1)  # whole and half numbers: their sums are exact
    return [float(rank) for rank in ranks.mean(axis=0)]


def friedman(scores: Sequence[Sequence[float]]) -> Friedman | None:
    """Return the test over settings × methods.

    None for fewer than two settings or three methods, and where every setting ties all methods.
    """
    if len(scores) < 2 or len(scores[0]) < 3:
        return None
    table = [[rounded(score) for score in setting] for setting in scores]
    if all(len(set(setting)) == 1 for setting in table):
        return None
    import scipy

    statistic, p = scipy.stats.friedmanchisquare(*zip(*table, strict=True))
    return Friedman(float(statistic), float(p))


def nemenyi_distance(methods: int, settings: int, alpha: float = 0.05) -> float | None:
    """Return the critical distance of average ranks: closer methods are not told apart at level `alpha`.

    None for fewer than two methods or settings.
    """
    if methods < 2 or settings < 2:
        return None
    import scipy

    quantile = float(scipy.stats.studentized_range.ppf(1 - alpha, methods, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * settings))


RESAMPLES = 2_000
SEED = 0
"""of the bootstrap: the same runs give the same interval, on every machine"""


@dataclass(frozen=True)
class Improvement:
    """P(X > Y), half of each tie counted, averaged over tasks; and its percentile interval.

    The interval comes from a bootstrap that draws runs anew within each task. Where a task has one run of each there
    is nothing to draw from, and of two runs the interval is too narrow; None if no task has more than one run.
    """

    probability: float
    interval: tuple[float, float] | None


def improvement(
    first: Sequence[Sequence[float]],
    second: Sequence[Sequence[float]],
    higher_is_better: bool = True,
    level: float = 0.95,
) -> Improvement | None:
    """Compare two methods whose runs are listed by task; None without a task. Every task has runs of both."""
    if not first:
        return None
    sign = 1 if higher_is_better else -1
    wins = [_wins(sign * _array(x), sign * _array(y)) for x, y in zip(first, second, strict=True)]
    probability = sum(float(one.mean()) for one in wins) / len(wins)
    if all(one.size == 1 for one in wins):
        return Improvement(probability, None)
    import numpy

    uniform = numpy.random.default_rng(SEED).random
    means = sum(_resampled(one, uniform((RESAMPLES, sum(one.shape)))) for one in wins) / len(wins)
    low, high = numpy.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Improvement(probability, (float(low), float(high)))


def _array(values: Sequence[float]) -> "Floats":
    import numpy

    return numpy.array([rounded(value) for value in values])


def _wins(x: "Floats", y: "Floats") -> "Floats":
    """runs × runs: 1 where x is better, ½ where both are equal."""
    import numpy

    return (numpy.sign(x[:, None] - y) + 1) / 2


def _resampled(wins: "Floats", uniform: "Floats") -> "Floats":
    """The mean of `wins` over runs drawn anew, for every row of `uniform`: one number per run to draw."""
    n, m = wins.shape
    rows = (uniform[:, :n] * n).astype(int)
    columns = (uniform[:, n:] * m).astype(int)
    means: Floats = wins[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2))
    return means
