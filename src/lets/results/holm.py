"""Holm's correction of several p values (Holm 1979): what one table tests counts as one family."""

from collections.abc import Sequence

ALPHA = 0.05
"""the level of every verdict: a corrected p below it decides"""


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Return the adjusted p of each; of m that exist the smallest counts m times, the next m - 1 times, …

    None, a test that could not be made, stays None and is no member of the family.
    """
    adjusted: list[float | None] = [None] * len(values)
    family = sorted((value, place) for place, value in enumerate(values) if value is not None)
    highest = 0.0
    for rank, (value, place) in enumerate(family):
        highest = max(highest, min(1.0, (len(family) - rank) * value))
        adjusted[place] = highest
    return adjusted
