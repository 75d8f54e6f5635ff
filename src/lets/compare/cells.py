"""Printed tables and verdicts against those of a reference: what is equal, printed alike, within scatter, or other."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from math import isclose, sqrt

from lets.compare.runs import Agreement
from lets.stats.paired import ALPHA

MEAN = ("mean", "sd", "n")
"""columns of a cell that is a mean over seeds"""
VOLATILE = frozenset({"missing", "diverged", "runs", "to_do"})
"""columns that list runs"""


@dataclass(frozen=True)
class CellPair:
    """A line of a table here and in the reference, `address` being the words in it."""

    table: str
    address: str
    here: Mapping[str, str]
    there: Mapping[str, str] | None

    @property
    def agreement(self) -> Agreement:
        """How far its numbers agree; a mean is held against the scatter of seeds (Welch's interval, 95 %)."""
        if self.there is None:
            return Agreement.ALONE
        names = [name for name in self.here if name not in VOLATILE]
        if all(self.here[name] == self.there.get(name) for name in names):
            return Agreement.IDENTICAL
        if all(_alike(self.here[name], self.there.get(name, "")) for name in names if name != "sd"):
            return Agreement.PRINTED
        return _within(self.here, self.there) if set(MEAN) <= self.here.keys() else Agreement.OTHER


@dataclass(frozen=True)
class Verdicts:
    """The verdicts on the paper's claims: how many are the same, and those that are not, as (claim, here, there)."""

    same: int
    other: tuple[tuple[str, str, str], ...]


def compare_table(name: str, here: str, there: str | None) -> list[CellPair]:
    """Compare two csv files of a table, line by line."""
    theirs = dict(_lines(there or ""))
    return [CellPair(name, address, row, theirs.get(address)) for address, row in _lines(here)]


def compare_verdicts(here: str, there: str) -> Verdicts:
    """Compare two claims.csv."""
    ours, theirs = (
        {row["claim"]: row["verdict"] for row in csv.DictReader(StringIO(text))} for text in (here, there)
    )
    both = [claim for claim in ours if claim in theirs]
    other = [(claim, ours[claim], theirs[claim]) for claim in both if ours[claim] != theirs[claim]]
    return Verdicts(len(both) - len(other), tuple(other))


def compare_ranks(here: str, there: str) -> dict[str, tuple[int, int]]:
    """Return method → its place here and in the reference, of those whose place in a ranking differs."""
    ours, theirs = ([row["method"] for row in csv.DictReader(StringIO(text))] for text in (here, there))
    places = {
        method: (ours.index(method) + 1, theirs.index(method) + 1) for method in ours if method in theirs
    }
    return {method: pair for method, pair in places.items() if pair[0] != pair[1]}


def _lines(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield address → line; the address is what is no number, and hyper-parameters that a table varies."""
    for row in csv.DictReader(StringIO(text)):
        words = [value for name, value in row.items() if _is_place(name)]
        yield " · ".join(words), row


def _is_place(name: str) -> bool:
    if name.startswith(("row.", "column.")):
        return True
    return name in ("method", "direction", "hessian", "quantity", "at", "variant", "paper_table", "run")


def _alike(one: str, other: str) -> bool:
    """Whether two fields are the same to two decimals, as tables print most numbers."""
    if one == other:
        return True
    try:
        return isclose(round(float(one), 2), round(float(other), 2), abs_tol=1e-9)
    except ValueError:
        return False


def _within(here: Mapping[str, str], there: Mapping[str, str]) -> Agreement:
    """Hold the difference of two means against their standard errors."""
    import scipy

    samples = [_sample(row) for row in (here, there)]
    if None in samples:
        return Agreement.OTHER
    (mean, sd, n), (other, other_sd, m) = samples  # type: ignore[misc]
    squares = (sd**2 / n, other_sd**2 / m)
    if not sum(squares):
        return Agreement.OTHER
    degrees = sum(squares) ** 2 / sum(
        one**2 / (count - 1) for one, count in zip(squares, (n, m), strict=True)
    )
    bound = float(scipy.special.stdtrit(degrees, 1 - ALPHA / 2)) * sqrt(sum(squares))
    return Agreement.SCATTER if abs(mean - other) <= bound else Agreement.BEYOND


def _sample(row: Mapping[str, str]) -> tuple[float, float, int] | None:
    """Return mean, standard deviation and number of a cell that has at least two runs."""
    try:
        mean, sd, n = float(row["mean"]), float(row["sd"]), int(row["n"])
    except (KeyError, ValueError):
        return None
    return (mean, sd, n) if n > 1 else None
