"""A paired difference in words: how large, from where to where, and what the corrected test says of it."""

from lets.results import Quantity
from lets.results.holm import ALPHA
from lets.results.paired import Paired


def mean_text(paired: Paired, quantity: Quantity) -> str:
    """Return the mean difference with its sign."""
    return "—" if paired.mean is None else f"{paired.mean:+.{quantity.decimals}f}"


def interval_text(paired: Paired, quantity: Quantity) -> str:
    """Return its interval: `-0.10 to +0.42`."""
    bounds = paired.interval()
    return " to ".join(f"{bound:+.{quantity.decimals}f}" for bound in bounds) if bounds else "—"


def seeds_text(paired: Paired, quantity: Quantity) -> list[str]:
    """Return a line for each seed: `seed 0: +0.28`."""
    return [f"seed {seed}: {value:+.{quantity.decimals}f}" for seed, value in paired.differences.items()]


def p_text(p: float | None) -> str:
    """Return a p as printed: three decimals, or that it is smaller."""
    if p is None:
        return "—"
    return f"{p:.3f}" if p >= 0.0005 else "<0.001"


def verdict(paired: Paired, corrected: float | None, quantity: Quantity) -> str:
    """Return in a word or two what the corrected test says of the first of a pair."""
    if paired.n < 2:
        return "one seed" if paired.n else "no runs"
    if corrected is None or paired.mean is None:
        return "no spread" if paired.mean else "equal"
    if corrected >= ALPHA:
        return "undecided"
    if quantity.better is None:
        return "higher" if paired.mean > 0 else "lower"
    return "better" if (paired.mean > 0) == (quantity.better == "higher") else "worse"
