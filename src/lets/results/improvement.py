"""How probable it is that a run of one method beats a run of another (Agarwal et al. 2021, §4.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from lets.results.ties import settled

RESAMPLES = 2_000
SEED = 0
"""of the bootstrap: the same runs give the same interval, on every machine"""

Floats = NDArray[numpy.float64]


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
    uniform = numpy.random.default_rng(SEED).random
    means = sum(_resampled(one, uniform((RESAMPLES, sum(one.shape)))) for one in wins) / len(wins)
    low, high = numpy.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Improvement(probability, (float(low), float(high)))


def _array(values: Sequence[float]) -> Floats:
    return numpy.array([settled(value) for value in values])


def _wins(x: Floats, y: Floats) -> Floats:
    """runs × runs: 1 where x is better, ½ where both are equal."""
    return (numpy.sign(x[:, None] - y) + 1) / 2


def _resampled(wins: Floats, uniform: Floats) -> Floats:
    """The mean of `wins` over runs drawn anew, for every row of `uniform`: one number per run to draw."""
    n, m = wins.shape
    rows = (uniform[:, :n] * n).astype(int)
    columns = (uniform[:, n:] * m).astype(int)
    means: Floats = wins[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2))
    return means
