"""Whether two samples are the same within a margin: two one-sided t tests (TOST; Schuirmann 1987)."""

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
