"""Mean, spread and confidence interval of one number over seeds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import scipy


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
        half = float(scipy.special.stdtrit(self.n - 1, (1 + level) / 2)) * self.sd / sqrt(self.n)
        return self.mean - half, self.mean + half
