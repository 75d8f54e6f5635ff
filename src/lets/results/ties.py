"""Equal numbers that were computed in different ways differ in their last bits; signs and ranks must not see that."""

DIGITS = 11
"""decimals that are told apart: of percents, nats and radii more than anybody measures"""
_UNITS = 10.0**DIGITS


def settled(value: float) -> float:
    """Return the value with DIGITS decimals: 95.1 - 94.9 and 95.2 - 95.0 become one number, and -0 becomes 0."""
    return round(value, DIGITS) + 0.0


def whole(value: float) -> int:
    """Return how many units of the last decimal a value has: sums of these are exact."""
    return round(value * _UNITS)
