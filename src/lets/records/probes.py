"""What `lets analyse hypergradient` leaves: LETS's hyper-gradient at some steps of a run, taken in several ways."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

from lets.records.rows import read_rows, rows_text

Way = tuple[str, str]
"""direction and Hessian"""
TRUE: Way = ("derivation", "exact")
"""the way to the true hyper-gradient, the derivative of the step (§3.2)"""


@dataclass(frozen=True)
class Probe:
    """One way to take the hyper-gradient g_rho = - g_a . g_b with g_b = H d, at one step."""

    step: int
    """0-based"""
    epoch: int
    """1-based"""
    rho: float
    """the radius of the step"""
    direction: str
    """d: that of the gradient at theta_{t+1} (algorithm), or eps_hat of theta_t (derivation)"""
    hessian: str
    """H: diagonal (Eq. 5), finite-difference or exact"""
    hypergradient: float
    """with respect to rho, without the factor eta"""
    cosine: float
    """between g_b and the exact g_b of the same direction; NaN if one of them is zero"""
    ratio: float
    """absolute value over that of the true one"""
    agrees: bool
    """whether its sign is the true one's"""

    @property
    def way(self) -> Way:
        """Direction and Hessian."""
        return self.direction, self.hessian


def probes_of(step: int, epoch: int, rho: float, found: Mapping[Way, tuple[float, float]]) -> list[Probe]:
    """Return the probes of one step from the hyper-gradient and the cosine that each way gave."""
    true, _ = found[TRUE]
    return [
        Probe(
            step,
            epoch,
            rho,
            *way,
            value,
            cosine,
            abs(value / true) if true else nan,
            _sign(value) == _sign(true),
        )
        for way, (value, cosine) in found.items()
    ]


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def probes_text(probes: Sequence[Probe]) -> str:
    """Return the csv; every float reads back as it was."""
    return rows_text(Probe, probes)


def read_probes(path: Path) -> list[Probe]:
    """Read the csv back; raises RecordError naming the file and line when it is not one of ours."""
    return read_rows(Probe, path, "delete it and make it again:  snakemake --cores all")
