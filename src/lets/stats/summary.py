"""Mean, spread and confidence interval of one number over seeds; numbers that are equal but for their last bits."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt


@dataclass(frozen=True)
class Summary:
    """`mean` and sample standard deviation `sd` (ddof 1) of `n` values; NaN where they do not exist."""

    n: int
    mean: float
    sd: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Summary":
        """Summarise values; no value has no mean, a single one has no standard deviation."""
        n = len(values)
        mean = statistics.fmean(values) if n else nan
        return cls(n, mean, statistics.stdev(values) if n > 1 else nan)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the t interval of the mean, mean ± t(n-1) sd/√n; NaN for fewer than two values."""
        if self.n < 2:
            return nan, nan
        import scipy

        half = float(scipy.special.stdtrit(self.n - 1, (1 + level) / 2)) * self.sd / sqrt(self.n)
        return self.mean - half, self.mean + half


DIGITS = 11
"""decimals that are told apart: of percents, nats and radii more than anybody measures"""
_UNITS = 10.0**DIGITS


def rounded(value: float) -> float:
    """Return the value with DIGITS decimals: 95.1 - 94.9 and 95.2 - 95.0 become one number, and -0 becomes 0."""
    return round(value, DIGITS) + 0.0


def whole(value: float) -> int:
    """Return how many units of the last decimal a value has: sums of these are exact."""
    return round(value * _UNITS)
