"""Methods ranked over several settings (Demšar 2006): average ranks, Friedman's test, Nemenyi's distance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
import scipy

from lets.results.ties import settled


@dataclass(frozen=True)
class Friedman:
    """Friedman's chi-squared `statistic`, corrected for ties, and its p; its null hypothesis: no method differs."""

    statistic: float
    p: float


def average_ranks(scores: Sequence[Sequence[float]], higher_is_better: bool = True) -> list[float]:
    """Return the mean rank of each method, 1 for the best; ties share. `scores`: settings × methods, not empty."""
    sign = -1 if higher_is_better else 1
    table = [[sign * settled(score) for score in setting] for setting in scores]
    ranks = scipy.stats.rankdata(table, axis=1)  # whole and half numbers: their sums are exact
    return [float(rank) for rank in numpy.mean(ranks, axis=0)]


def friedman(scores: Sequence[Sequence[float]]) -> Friedman | None:
    """Return the test over settings × methods.

    None for less than two settings or three methods, and where every setting ties all methods.
    """
    if len(scores) < 2 or len(scores[0]) < 3:
        return None
    table = [[settled(score) for score in setting] for setting in scores]
    if all(len(set(setting)) == 1 for setting in table):
        return None
    statistic, p = scipy.stats.friedmanchisquare(*zip(*table, strict=True))
    return Friedman(float(statistic), float(p))


def nemenyi_distance(methods: int, settings: int, alpha: float = 0.05) -> float | None:
    """Return the critical distance of average ranks: closer methods are not told apart at level `alpha`.

    None for less than two methods or settings.
    """
    if methods < 2 or settings < 2:
        return None
    quantile = float(scipy.stats.studentized_range.ppf(1 - alpha, methods, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * settings))
