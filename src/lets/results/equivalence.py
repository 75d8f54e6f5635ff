"""Whether two samples are the same within a margin: two one-sided t tests (TOST; Schuirmann 1987)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lets.results.paired import Paired


@dataclass(frozen=True)
class Equivalence:
    """The mean difference against ±`margin`; every number is None where differences have no variance.

    `p_lower` tests that the difference is not above -margin (small: the first is not worse by the margin),
    `p_upper` that it is not below +margin; `p` is the larger: small means equivalent.
    """

    margin: float
    mean: float | None
    p_lower: float | None
    p_upper: float | None
    interval: tuple[float, float] | None
    """of level 1 - 2α; the test of level α rejects exactly when it lies within ±margin"""

    @property
    def p(self) -> float | None:
        """The p of equivalence."""
        if self.p_lower is None or self.p_upper is None:
            return None
        return max(self.p_lower, self.p_upper)


def equivalence(paired: Paired, margin: float, alpha: float = 0.05) -> Equivalence:
    """Test paired differences for equivalence within `margin`, in their unit; raises ValueError for one ≤ 0."""
    if not margin > 0:
        raise ValueError(f"a margin of {margin} – nothing is within it – state one above 0")
    return Equivalence(
        margin,
        paired.mean,
        paired.shifted_p(-margin, "greater"),
        paired.shifted_p(margin, "less"),
        paired.interval(1 - 2 * alpha),
    )


def all_within(samples: Iterable[Paired], margin: float) -> float | None:
    """Return the p that every mean difference is within the margin: the largest, each has to pass its own test."""
    found = [equivalence(sample, margin).p for sample in samples]
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
