"""How far runs, printed lines and verdicts agree with a reference: equal, printed alike, within scatter, beyond.

A training that rounds otherwise goes its own way, as one from another seed does: two such runs differ by √2 standard
deviations of seeds. So a difference is held against the scatter of the reference's seeds: of the run's own variant, but
not below the median over all variants of its setting (data set, noise, architecture), for two seeds may lie close by
chance. What is beyond the bound for one run may be chance: of many, a few are. What is beyond the bound for all of them
is not (Bonferroni), nor is a method whose runs differ to one side (paired t test, Holm over methods).

Where other runs of the setting, made on a machine like the run's, are equal to the last digit, both sides round alike:
there chance explains no difference, however small.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from io import StringIO
from math import isclose, sqrt
from statistics import NormalDist, median, stdev

from lets.config.matrix import SETTING
from lets.errors import SpecError
from lets.runs.history import LARGEST
from lets.stats.paired import ALPHA, Paired, holm

METRIC, DECIMALS = "test_accuracy", 2
NUMBERS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "final_rho", "steps", "passes")
"""of runs.csv: two runs that agree in all digits of these are the same training"""
Row = Mapping[str, str]
"""a line of runs.csv"""


class Agreement(StrEnum):
    """How far two numbers agree, the best first."""

    IDENTICAL = "identical"
    """to the last digit"""
    PRINTED = "same as printed"
    SCATTER = "within scatter"
    """of the seeds of the reference, at the 5 % level"""
    BEYOND = "beyond scatter"
    """at the 5 % level: of a hundred such runs five are, by chance"""
    DIFFERENT = "different"
    """at the 5 % level of all runs together, or one of the two diverged, or other runs like it are identical"""
    OTHER = "other"
    """not the same, and there is no scatter of seeds to hold it against"""
    ALONE = "not compared"
    """one of the two is not there"""


def ended(row: Row) -> bool:
    """Return whether a run finished or diverged."""
    return row.get("status") in ("finished", "diverged")


@dataclass(frozen=True)
class RunPair:
    """A run here and in the reference; `scatter` is the standard deviation of its seeds, if there is one."""

    id: str
    method: str
    setting: tuple[str, ...]
    here: Row
    there: Row
    scatter: float | None
    runs: int
    """how many runs are compared"""
    exact: bool = False
    """whether the same training would be identical, as others are that were made on such a machine"""

    @property
    def difference(self) -> float | None:
        """Test accuracy here minus that of the reference, in points."""
        here, there = _number(self.here, METRIC), _number(self.there, METRIC)
        return None if here is None or there is None else here - there

    @cached_property
    def agreement(self) -> Agreement:
        """How far both agree."""
        if not (ended(self.here) and ended(self.there)):
            return Agreement.ALONE
        states = {row.get("status") for row in (self.here, self.there)}
        if len(states) > 1:
            return Agreement.DIFFERENT
        if all(self.here.get(name) == self.there.get(name) for name in NUMBERS):
            return Agreement.IDENTICAL
        return Agreement.DIFFERENT if self.exact else self._close(self.difference)

    def _close(self, difference: float | None) -> Agreement:
        if difference is None:  # both diverged, elsewhere
            return Agreement.SCATTER
        if _printed(self.here) == _printed(self.there):
            return Agreement.PRINTED
        if not self.scatter:
            return Agreement.OTHER
        units = abs(difference) / (sqrt(2) * self.scatter)
        if units <= _bound(ALPHA):
            return Agreement.SCATTER
        return Agreement.BEYOND if units <= _bound(ALPHA / self.runs) else Agreement.DIFFERENT


@dataclass(frozen=True)
class MethodShift:
    """The runs of a method: how far they differ on average, and the p of that, corrected for all methods."""

    method: str
    paired: Paired
    p: float | None

    @property
    def differs(self) -> bool:
        """Whether chance does not explain it."""
        return self.p is not None and self.p < ALPHA


@dataclass(frozen=True)
class Runs:
    """All runs of both."""

    pairs: tuple[RunPair, ...]

    @cached_property
    def counts(self) -> Counter[Agreement]:
        """How many agree how far."""
        return Counter(pair.agreement for pair in self.pairs)

    @property
    def compared(self) -> list[RunPair]:
        """Those that are there on both sides."""
        return [pair for pair in self.pairs if pair.agreement is not Agreement.ALONE]

    @cached_property
    def methods(self) -> tuple[MethodShift, ...]:
        """Every method with differences, in the order of the params file."""
        found: dict[str, dict[int, float]] = defaultdict(dict)
        for place, pair in enumerate(self.compared):
            if (difference := pair.difference) is not None:
                found[pair.method][place] = difference
        samples = {method: Paired(values) for method, values in found.items()}
        corrected = holm([one.t_p for one in samples.values()])
        return tuple(MethodShift(*one, p) for one, p in zip(samples.items(), corrected, strict=True))

    @property
    def different(self) -> list[RunPair]:
        """Runs that no chance explains."""
        return [pair for pair in self.pairs if pair.agreement is Agreement.DIFFERENT]

    @property
    def shifted(self) -> list[MethodShift]:
        """Methods that no chance explains."""
        return [one for one in self.methods if one.differs]


def compare_runs(here: str, there: str, made_with: Mapping[str, object] | None = None) -> Runs:
    """Compare two runs.csv.

    `made_with`: id → all that decides how a run here was rounded, of those for which it is known.
    """
    ours, theirs = _rows(here), _rows(there)
    scatter = _scatter(theirs.values())
    both = sum(_ended(row) and _ended(theirs.get(id, {})) for id, row in ours.items())
    pairs = [_pair(id, row, theirs.get(id, {}), scatter, both) for id, row in ours.items()]
    return Runs(tuple(_exact(pairs, made_with or {})))


def _exact(pairs: Sequence[RunPair], made_with: Mapping[str, object]) -> Iterator[RunPair]:
    """Yield the pairs, marked where pairs of the same setting that were made alike are identical."""
    places = {pair.id: (pair.setting, made_with[pair.id]) for pair in pairs if pair.id in made_with}
    identical = {places.get(pair.id) for pair in pairs if pair.agreement is Agreement.IDENTICAL} - {None}
    yield from (replace(pair, exact=places.get(pair.id) in identical) for pair in pairs)


def _pair(id: str, here: Row, there: Row, scatter: Mapping[tuple[str, ...], float], runs: int) -> RunPair:
    return RunPair(id, here["method"], _setting(here), here, there, scatter.get(_variant(here)), runs)


def _rows(text: str) -> dict[str, Row]:
    rows = _read("runs.csv", text, {"id", "method", "seed", "status", METRIC, *SETTING}, NUMBERS)
    if len(found := {row["id"]: row for row in rows}) < len(rows):
        raise _damaged("runs.csv", "it has a run twice")
    return found


def _read(name: str, text: str, needed: Collection[str], numbers: Collection[str] = ()) -> list[Row]:
    """Return the lines of a csv; raises SpecError if it lacks a column or a field, or a number is none.

    What is compared was made here a moment ago: what is wrong is in the reference.
    """
    try:
        lines = csv.DictReader(StringIO(text), strict=True)
        rows: list[Row] = list(lines)
    except csv.Error as error:
        raise _damaged(name, str(error)) from error
    if absent := sorted(set(needed) - set(lines.fieldnames or ())):
        raise _damaged(name, f"no column {absent[0]}")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise _damaged(name, f"line {number} has not {len(lines.fieldnames or ())} fields")
        if wrong := [one for one in numbers if not _is_number(row.get(one, ""))]:
            raise _damaged(name, f"line {number} has {wrong[0]} = {row[wrong[0]][:40]!r}")
    return rows


def _damaged(name: str, why: str) -> SpecError:
    return SpecError(f"{name} – of the reference is none of ours: {why} – name another reference")


def _is_number(text: str) -> bool:
    """Whether a field is empty, or a number that a run can have."""
    try:
        return not text or abs(float(text)) <= LARGEST
    except ValueError:
        return False


def _scatter(rows: Iterable[Row]) -> dict[tuple[str, ...], float]:
    """Return the standard deviation of seeds of each variant, not below what is usual in its setting."""
    settings: dict[tuple[str, ...], dict[tuple[str, ...], list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        if (value := _number(row, METRIC)) is not None:
            settings[_setting(row)][_variant(row)].append(value)
    found: dict[tuple[str, ...], float] = {}
    for variants in settings.values():
        spreads = {variant: stdev(values) for variant, values in variants.items() if len(values) > 1}
        usual = _usual([(len(variants[one]) - 1, sd) for one, sd in spreads.items()])
        found |= {variant: max(usual, spreads.get(variant, 0.0)) for variant in variants}
    return found


def _usual(spreads: Sequence[tuple[int, float]]) -> float:
    """Return the typical standard deviation of samples with so many degrees of freedom: a median, deaf to outliers."""
    import scipy

    medians = [sd / sqrt(scipy.stats.chi2.median(degrees) / degrees) for degrees, sd in spreads]
    return float(median(medians)) if medians else 0.0


def _setting(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in SETTING)


def _variant(row: Row) -> tuple[str, ...]:
    """Return what a run is but for its seed: the columns before that, and how long it was trained."""
    names = [*row]
    return (*(row[name] for name in names[1 : names.index("seed")]), row.get("epochs", ""))


def _ended(row: Row) -> bool:
    return row.get("status") in ("finished", "diverged")


def _number(row: Row, name: str) -> float | None:
    text = row.get(name)
    return float(text) if text and row.get("status") == "finished" else None


def _printed(row: Row) -> str:
    value = _number(row, METRIC)
    return "" if value is None else f"{value:.{DECIMALS}f}"


def _bound(alpha: float) -> float:
    """Return how many standard deviations a normal number exceeds with this probability, to either side."""
    return NormalDist().inv_cdf(1 - alpha / 2)


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
    theirs = dict(_lines(name, there or ""))
    return [CellPair(name, address, row, theirs.get(address)) for address, row in _lines(name, here)]


def compare_verdicts(here: str, there: str) -> Verdicts:
    """Compare two claims.csv."""
    ours, theirs = (
        {row["claim"]: row["verdict"] for row in _read("claims.csv", text, ("claim", "verdict"))}
        for text in (here, there)
    )
    both = [claim for claim in ours if claim in theirs]
    other = [(claim, ours[claim], theirs[claim]) for claim in both if ours[claim] != theirs[claim]]
    return Verdicts(len(both) - len(other), tuple(other))


def compare_ranks(name: str, here: str, there: str) -> dict[str, tuple[int, int]]:
    """Return method → its place here and in the reference, of those whose place in a ranking differs."""
    ours, theirs = (
        [row["method"] for row in _read(f"{name}.csv", text, ["method"])] for text in (here, there)
    )
    places = {
        method: (ours.index(method) + 1, theirs.index(method) + 1) for method in ours if method in theirs
    }
    return {method: pair for method, pair in places.items() if pair[0] != pair[1]}


def _lines(name: str, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield address → line; the address is what is no number, and hyper-parameters that a table varies.

    Of lines with equal addresses the second is numbered, and so on: they are compared in their order.
    """
    seen = Counter[str]()
    for row in _read(f"{name}.csv", text, (), MEAN):
        address = " · ".join(value for column, value in row.items() if _is_place(column))
        seen[address] += 1
        yield address + (f" ({seen[address]})" if seen[address] > 1 else ""), row


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
    if not (total := sum(squares)):
        return Agreement.OTHER
    shares = [(one / total) ** 2 / (count - 1) for one, count in zip(squares, (n, m), strict=True)]
    bound = float(scipy.special.stdtrit(1 / sum(shares), 1 - ALPHA / 2)) * sqrt(total)
    return Agreement.SCATTER if abs(mean - other) <= bound else Agreement.BEYOND


def _sample(row: Mapping[str, str]) -> tuple[float, float, int] | None:
    """Return mean, standard deviation and number of a cell that has at least two runs."""
    try:
        mean, sd, n = float(row["mean"]), float(row["sd"]), int(row["n"])
    except (KeyError, ValueError):
        return None
    return (mean, sd, n) if n > 1 else None
