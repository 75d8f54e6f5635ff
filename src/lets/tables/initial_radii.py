"""Whether learned radii move, where to, and how sensitive they are to their initialisation."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import exp, expm1, log
from statistics import fmean, linear_regression
from typing import Literal

from pydantic import Field

from lets.config.labels import setting_title, value_title
from lets.config.matrix import SETTING, Matrix
from lets.config.messages import Location, Problem
from lets.config.selection import RunMetric, Selection, read_for
from lets.config.strict import Positive
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Records
from lets.stats.paired import ALPHA, Paired, all_within, holm_within, one_beyond
from lets.stats.summary import Summary
from lets.tables.learned import LearnedOutcomes, learned_outcomes, not_learned
from lets.tables.notes import absent_notes, p_text
from lets.tables.table import Block, Cell, Csv, Record, Row, Table, computed, corrected_address

DRIFT = ("Starts", "Seeds", "Moves by a factor of", "Ends at", "Memory of its start")
TESTED = ("Spread", "Holm p", "Start matters")
CORRECTED_FIELDS = ("holm_p", "start_matters")
"""of the csv: the same"""
PLACE = ("experiment", "method", *SETTING)


class InitialRadii(Selection):
    """Whether learned radii move, where to, and whether it matters: a row per experiment and lets-method.

    Its runs differ in seed and `rho` alone.
    """

    kind: Literal["starts"]
    metric: RunMetric = "test_accuracy"
    margin: Positive = Field(examples=[0.5])
    """how far apart, in units of the metric, results of two initial radii may be and still be called the same"""

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield what keeps its runs from being compared."""
        yield from not_learned(at, self, matrix)

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return that radii are shown besides."""
        return frozenset({read_for(self.metric), "radius"})

    def drifts(self, records: Records) -> "Drifts":
        """Follow the radii of its runs; raises SpecError if an experiment mixes variants."""
        found = tuple(Drift(one, self.metric, self.margin) for one in learned_outcomes(self, records))
        corrected = holm_within([_title(one.learned) for one in found], [one.p for one in found])
        return Drifts(self, found, tuple(corrected))

    def table(self, name: str, records: Records) -> Table:
        """Return a block per method and setting, a row per experiment."""
        found = self.drifts(records)
        rows: dict[str, list[Row]] = {}
        for drift, corrected in zip(found.drifts, found.corrected, strict=True):
            one = drift.learned
            row = one.title, tuple(_cells(drift, corrected, found))
            rows.setdefault(_title(one), []).append(row)
        blocks = tuple(Block(title, tuple(group)) for title, group in rows.items())
        columns = (*DRIFT, QUANTITIES[self.metric].label, *TESTED)
        notes, csv = tuple(_notes(found)), _csv(name, found)
        runs = tuple(run for one in found.drifts for run in one.learned.outcomes)
        return Table(name, self.title, "What moves the radius", columns, blocks, notes, csv, runs)


@dataclass(frozen=True)
class Drift:
    """Where the radii of one experiment went. Logarithms, because a radius is positive and initial ones span decades.

    Every number but `ends` is one per seed, over all initial radii; only seeds for which all of them finished count.
    """

    learned: LearnedOutcomes
    metric: str
    margin: float

    @cached_property
    def moved(self) -> Summary:
        """Mean |ln(ρ_T / ρ_0)| of each seed: 0 stands still, ln 2 is halved or doubled."""
        return _summary(
            fmean(abs(log(end / start)) for start, end in self._ends(seed)) for seed in self.learned.seeds
        )

    @cached_property
    def sensitivity(self) -> Summary:
        """Sensitivity to initialisation: the slope of ln ρ_T over ln ρ_0 of each seed; nothing for a single radius.

        0: all end at one radius, 1: as far apart as they began.
        """
        if len(self.learned.initial_radii) < 2:
            return _summary(())
        return _summary(
            linear_regression(
                *zip(*[(log(start), log(end)) for start, end in self._ends(seed)], strict=True)
            ).slope
            for seed in self.learned.seeds
        )

    @property
    def ends(self) -> tuple[float, float] | None:
        """The smallest and the largest final radius."""
        found = [end for seed in self.learned.seeds for _, end in self._ends(seed)]
        return (min(found), max(found)) if found else None

    @cached_property
    def by_initial_radius(self) -> dict[float, Summary]:
        """The metric, by initial radius."""
        return {start: _summary(self._values(start).values()) for start in self.learned.initial_radii}

    @property
    def spread(self) -> float | None:
        """The largest difference of the means of two initial radii."""
        means = [one.mean for one in self.by_initial_radius.values() if one.n]
        return max(means) - min(means) if len(means) > 1 else None

    @cached_property
    def differences(self) -> list[Paired]:
        """Every initial radius against every other, seed by seed."""
        return [
            Paired.of(self._values(a), self._values(b))
            for a, b in combinations(self.learned.initial_radii, 2)
        ]

    @property
    def within(self) -> bool:
        """Whether all means are within the margin of one another."""
        return self.spread is not None and self.spread < self.margin

    @cached_property
    def p(self) -> float | None:
        """The p of the test: that all are the same within the margin, or where they are not, that two differ."""
        if len(self.learned.seeds) < 2:
            return None
        test = all_within if self.within else one_beyond
        return test(self.differences, self.margin)

    def _ends(self, seed: int) -> list[tuple[float, float]]:
        """Every initial radius with the final one."""
        found = ((start, runs[seed].value("rho")) for start, runs in self.learned.by_initial_radius.items())
        return [(start, end) for start, end in found if end is not None]

    def _values(self, start: float) -> dict[int, float]:
        runs = self.learned.by_initial_radius[start]
        values = ((seed, runs[seed].value(self.metric)) for seed in self.learned.seeds)
        return {seed: value for seed, value in values if value is not None}


@dataclass(frozen=True)
class Drifts:
    """All rows of a table, and beside each its p as Holm corrects it for those of its block."""

    table: InitialRadii
    drifts: tuple[Drift, ...]
    corrected: tuple[float | None, ...]


def start_matters(drift: Drift, corrected: float | None) -> str:
    """Return the verdict on a row in a word: yes, no, or undecided."""
    if len(drift.learned.initial_radii) < 2:
        return "one start"
    if corrected is None or corrected >= ALPHA:
        return "undecided"
    return "no" if drift.within else "yes"


def _summary(values: Iterable[float]) -> Summary:
    return Summary.of(list(values))


def _csv(name: str, found: Drifts) -> Csv:
    """Return one line per experiment, method and setting."""
    header = ["table", *(f"row.{field}" for field in PLACE), "metric", "starts", "n"]
    header += [
        "moved",
        "moved_low",
        "moved_high",
        "end_low",
        "end_high",
        "memory",
        "memory_low",
        "memory_high",
    ]
    header += ["mean", "spread", "margin", "p", *CORRECTED_FIELDS, "runs"]
    records = []
    for drift, corrected in zip(found.drifts, found.corrected, strict=True):
        one = drift.learned
        moved, sensitivity = (
            map(computed, _bounded(summary)) for summary in (drift.moved, drift.sensitivity)
        )
        numbers = [
            len(one.initial_radii),
            len(one.seeds),
            *moved,
            *(drift.ends or (None, None)),
            *sensitivity,
        ]
        means = [_mean(drift), drift.spread, drift.margin, computed(drift.p), computed(corrected)]
        ids = " ".join(run.id for run in one.runs)
        place = [name, one.experiment, one.method, *one.setting, drift.metric]
        others = dict.fromkeys(CORRECTED_FIELDS, corrected_address(one.address))
        said = start_matters(drift, corrected)
        records.append(Record([*place, *numbers, *means, said, ids], one.address, others))
    return Csv(header, records)


def _title(learned: LearnedOutcomes) -> str:
    """Return the title of its block of rows: `LETS-SAM, ResNet-18 on CIFAR-10, 40 % noise`."""
    return f"{value_title('method', learned.method)}, {setting_title(*learned.setting)}"


def _cells(drift: Drift, corrected: float | None, found: Drifts) -> Iterator[Cell]:
    """Yield what rests on the runs of the row, then what the correction over the rows of its block makes of it."""
    learned, decimals = drift.learned, QUANTITIES[drift.metric].decimals
    runs = tuple(run.id for run in learned.runs)
    block = (one.learned for one in found.drifts if _title(one.learned) == _title(learned))
    every = tuple(run.id for one in block for run in one.runs)
    hover, where = _hover(drift, decimals), learned.address
    for text, note in _words(drift, decimals):
        yield Cell(text, note, hover=hover, runs=runs, address=where)
    for text in (p_text(corrected), start_matters(drift, corrected)):
        yield Cell(text, hover=hover, runs=every, address=corrected_address(where))


def _words(drift: Drift, decimals: int) -> Iterator[tuple[str, str]]:
    learned, mean = drift.learned, _mean(drift)
    asked = len({run.seed for run in learned.runs})
    yield str(len(learned.initial_radii)), ""
    yield str(len(learned.seeds)), "" if len(learned.seeds) == asked else f"of {asked}"
    yield _interval(drift.moved, _factor), ""
    yield " to ".join(f"{end:.3g}" for end in drift.ends) if drift.ends else "—", ""
    yield _interval(drift.sensitivity, lambda x: f"{x:.2f}"), ""
    yield "—" if mean is None else f"{mean:.{decimals}f}", ""
    yield "—" if drift.spread is None else f"{drift.spread:.{decimals}f}", ""


def _hover(drift: Drift, decimals: int) -> str:
    lines = [f"n = {len(drift.learned.seeds)} seeds, {len(drift.learned.initial_radii)} starts"]
    lines += [
        f"from {start:g}: {summary.mean:.{decimals}f}, n = {summary.n}"
        for start, summary in drift.by_initial_radius.items()
    ]
    return "\n".join(lines)


def _interval(summary: Summary, text: Callable[[float], str]) -> str:
    """`1.2 (1.1 to 1.3)`; without the bracket if one seed says it."""
    if not summary.n:
        return "—"
    low, high = summary.interval()
    return text(summary.mean) + (f" ({text(low)} to {text(high)})" if low == low else "")


def _factor(logarithm: float) -> str:
    """`1.13`, and of what hardly moves how little: `1 + 3e-07`."""
    if abs(logarithm) >= 0.01:
        return f"{exp(logarithm):.3g}"
    change = expm1(logarithm)
    return f"1 {'-' if change < 0 else '+'} {abs(change):.0e}" if change else "1"


def _bounded(summary: Summary) -> tuple[float, float, float]:
    return (summary.mean, *summary.interval())


def _mean(drift: Drift) -> float | None:
    """The metric in the mean of all initial radii."""
    means = [one.mean for one in drift.by_initial_radius.values()]
    return sum(means) / len(means) if drift.learned.seeds else None


def _notes(found: Drifts) -> Iterator[str]:
    quantity, margin = QUANTITIES[found.table.metric], found.table.margin
    unit = "points" if quantity.unit == "%" else quantity.unit
    yield (
        "Moves by a factor of: exp of the mean |ln(ρ at the end / ρ at the start)| over starts; 1 stands still. "
        "Memory of its start: slope of ln ρ at the end over ln ρ at the start; 1: all radii are as far apart as they "
        "were, 0: all end at one. Both one number per seed; in brackets the 95 % t interval over seeds. "
        "Ends at: the smallest and the largest radius at the end of all runs."
    )
    yield (
        f"{quantity.label}: mean over starts and seeds; spread: the largest minus the smallest mean of a start. "
        f"Start matters: no, where every two starts are the same within {margin:g} {unit} (TOST of the differences by "
        "seed, the largest p of all pairs); yes, where two differ by more (t test, the smallest p times the pairs); "
        "undecided does not mean no. Holm p: the rows of a block as one family, below 0.05 decides; none where two "
        "starts differ by the same for every seed, which leaves nothing to test against."
    )
    yield from absent_notes(run for one in found.drifts for run in one.learned.outcomes)
