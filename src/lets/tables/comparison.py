"""Two methods at a time, seed by seed: a block per pair of methods, a row per setting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from lets.config.labels import address, setting_title, value_title
from lets.config.matrix import SETTING, Match, Matrix, Setting, by_setting, learned_pairs, matches
from lets.config.messages import Location, Problem, line
from lets.config.run import RunSpec
from lets.config.selection import RunMetric, Selection, absent_value, trained_alike
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import TO_DO, Outcome, Records, repeats
from lets.stats.paired import ALPHA, Paired, holm_within, least_permutation_p
from lets.tables.notes import (
    Answer,
    Question,
    absent_notes,
    interval_text,
    mean_text,
    p_text,
    seeds_text,
    verdict,
)
from lets.tables.table import Block, Cell, Csv, Record, Row, Table, computed, corrected_address

PERMUTATION = "Perm. p"
COLUMNS = ("Seeds", "Difference", "95 % interval", "t p", PERMUTATION, "Holm p", "Verdict")
CORRECTED_FIELDS = ("holm_p", "verdict")
"""of the csv: what rests on all runs of the two methods"""


class Comparison(Selection):
    """Two methods at a time, seed by seed, in every data set, noise and architecture that was run with both."""

    kind: Literal["comparison"]
    metric: RunMetric = "test_accuracy"
    pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(default=[])
    """[a, b] compares a with b; without any, every lets-X is compared with its X"""

    def matches(self, matrix: Matrix) -> list[Match]:
        """Return the pairs that it names, or every lets-X with its X, in every setting that was run with both."""
        runs = self.chosen(matrix)
        pairs = [(first, second) for first, second in self.pairs] or learned_pairs(runs)
        return matches(pairs, runs)

    def select(self, matrix: Matrix) -> list[RunSpec]:
        """Return the runs that have a partner."""
        shown = {run.id for match in self.matches(matrix) for run in match.runs}
        return [run for run in self.chosen(matrix) if run.id in shown]

    def grouped_by(self) -> tuple[str, ...]:
        """Return what methods are compared in, and the method."""
        return (*SETTING, "method")

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield pairs that were not run in one setting, and pairs whose methods were not trained alike."""
        runs, found = self.chosen(matrix), self.matches(matrix)
        for index, pair in enumerate(self.pairs):
            yield from _pair_problems((*at, "pairs", index), pair, runs, found)
        if not found and not self.pairs:
            methods = ", ".join(dict.fromkeys(run.method for run in runs))
            pairs = [list(group)[:2] for group in _methods_by_setting(runs) if len(group) > 1][:1]
            remedy = f"write  {line(('pairs',), pairs)}" if pairs else "choose experiments with two methods"
            yield (*at, "pairs"), f"missing – there is no lets-X beside its X among {methods} – {remedy}"
        for one in found:
            yield from trained_alike(at, one.setting, one.runs)

    def narrowed(self, kept: Sequence[str], matrix: Matrix) -> dict[str, Any]:
        """Return also its pairs without those that have lost a method."""
        changed = super().narrowed(kept, matrix)
        if self.pairs:
            methods = {run.method for run in matrix.of(changed["experiments"])}
            changed["pairs"] = [pair for pair in self.pairs if methods.issuperset(pair)]
        return changed

    def compare(self, records: Records) -> "Compared":
        """Compare its runs; raises SpecError if a method has several variants in a setting."""
        found = self.matches(records.matrix)
        outcomes = {run.id: records.outcome(run) for match in found for run in match.runs}
        repeats(outcomes.values(), self.grouped_by())
        pairs = []
        for match in found:
            first, second = (tuple(outcomes[run.id] for run in runs) for runs in (match.first, match.second))
            pairs.append(Pair(match.method, match.against, match.setting, self.metric, first, second))
        corrected = holm_within([pair.title for pair in pairs], [pair.paired.t_p for pair in pairs])
        return Compared(self, tuple(pairs), tuple(corrected))

    def answers(self, records: Records) -> list[Answer]:
        """Return how every lets-X did against its X."""
        compared = self.compare(records)
        return [
            Answer.of(
                Question.BASE,
                f"{pair.title}, {setting_title(*pair.setting)}",
                pair.paired,
                corrected,
                self.metric,
            )
            for pair, corrected in zip(compared.pairs, compared.corrected, strict=True)
            if pair.method == f"lets-{pair.against}"
        ]

    def table(self, name: str, records: Records) -> Table:
        """Return the comparisons in words."""
        compared = self.compare(records)
        rows: dict[str, list[Row]] = {}
        for pair, corrected in zip(compared.pairs, compared.corrected, strict=True):
            row = setting_title(*pair.setting), tuple(_cells(pair, corrected, compared))
            rows.setdefault(pair.title, []).append(row)
        blocks = tuple(Block(title, tuple(group)) for title, group in rows.items())
        columns = tuple(one for one in COLUMNS if one != PERMUTATION or compared.permutable)
        notes = tuple(_notes(compared))
        return Table(name, self.title, "Setting", columns, blocks, notes, _csv(name, compared), compared.runs)


def _pair_problems(
    at: Location, pair: list[str], runs: Sequence[RunSpec], found: Sequence[Match]
) -> Iterator[Problem]:
    methods = list(dict.fromkeys(run.method for run in runs))
    absent = [
        problem
        for place, method in enumerate(pair)
        for problem in absent_value((*at, place), method, methods, "no run of it has this method")
    ]
    yield from absent
    if not absent and pair[0] == pair[1]:
        yield at, f"{pair} – a method compared with itself – delete it"
    elif not absent and not any([one.method, one.against] == pair for one in found):
        reason = "no data set, noise and architecture was run with both"
        yield at, f"{pair} – {reason} – delete it, or choose other experiments"


def _methods_by_setting(runs: Sequence[RunSpec]) -> list[dict[str, None]]:
    return [dict.fromkeys(run.method for run in group) for group in by_setting(runs).values()]


@dataclass(frozen=True)
class Pair:
    """One method against another in one setting; `first` and `second` list every run asked for."""

    method: str
    against: str
    setting: Setting
    metric: str
    first: tuple[Outcome, ...]
    second: tuple[Outcome, ...]

    @property
    def title(self) -> str:
        """Both methods: `LETS-SAM against SAM`."""
        return f"{value_title('method', self.method)} against {value_title('method', self.against)}"

    @property
    def address(self) -> str:
        """Where it is: `LETS-SAM against SAM × Digits × clean labels × ResNet (small)`."""
        return f"{self.title} × {address(SETTING, self.setting)}"

    @property
    def runs(self) -> tuple[Outcome, ...]:
        """The runs of both."""
        return (*self.first, *self.second)

    @property
    def seeds(self) -> list[int]:
        """The seeds that were asked for of both."""
        others = {run.spec.seed for run in self.second}
        return [run.spec.seed for run in self.first if run.spec.seed in others]

    @cached_property
    def paired(self) -> Paired:
        """The difference method - against of the metric, over the seeds that both have it for."""
        return Paired.of(_values(self.first, self.metric), _values(self.second, self.metric))


@dataclass(frozen=True)
class Compared:
    """All pairs of a table, and beside each of them the p of its t test as Holm corrects it for its two methods."""

    table: Comparison
    pairs: tuple[Pair, ...]
    corrected: tuple[float | None, ...]

    @property
    def permutable(self) -> bool:
        """Whether there are seeds enough for a permutation test that can decide anything."""
        least = least_permutation_p(max((pair.paired.n for pair in self.pairs), default=0))
        return least is not None and least < ALPHA

    def family(self, title: str) -> tuple[str, ...]:
        """Return the ids of all runs of two methods, whose tests are corrected together."""
        runs = (run for pair in self.pairs if pair.title == title for run in pair.runs)
        return tuple(dict.fromkeys(run.id for run in runs))

    @property
    def runs(self) -> tuple[Outcome, ...]:
        """Every run of every pair."""
        return tuple(run for pair in self.pairs for run in pair.runs)


def _values(runs: tuple[Outcome, ...], metric: str) -> dict[int, float]:
    values = ((run.spec.seed, run.value(metric)) for run in runs)
    return {seed: value for seed, value in values if value is not None}


def _csv(name: str, compared: Compared) -> Csv:
    """Return one line per pair and setting; seeds and run ids are separated by blanks."""
    places = [f"row.{field}" for field in ("method", "against", *SETTING)]
    numbers = ["metric", "n", "expected", "difference", "sd", "low", "high", "effect", "t_p", "permutation_p"]
    header = ["table", *places, *numbers, *CORRECTED_FIELDS, "seeds", "missing", "diverged", "runs"]
    records = []
    for pair, corrected in zip(compared.pairs, compared.corrected, strict=True):
        others = dict.fromkeys(CORRECTED_FIELDS, corrected_address(pair.address))
        records.append(Record([name, *_values_of(pair, corrected)], pair.address, others))
    return Csv(header, records)


def _values_of(pair: Pair, corrected: float | None) -> Iterator[object]:
    paired = pair.paired
    low, high = paired.interval() or (None, None)
    yield from (pair.method, pair.against, *pair.setting)
    yield from (pair.metric, paired.n, len(pair.seeds), paired.mean, paired.sd)
    yield from map(computed, (low, high, paired.effect, paired.t_p, paired.permutation_p, corrected))
    yield verdict(paired, corrected, QUANTITIES[pair.metric])
    lists = (paired.differences, _ids(pair, *TO_DO), _ids(pair, "diverged"), _ids(pair, "finished"))
    yield from (" ".join(map(str, one)) for one in lists)


def _cells(pair: Pair, corrected: float | None, compared: Compared) -> Iterator[Cell]:
    """Yield what rests on the runs of the row, then what the correction over the rows of its block makes of it."""
    paired, quantity, hover = pair.paired, QUANTITIES[pair.metric], _hover(pair)
    runs, every = tuple(run.id for run in pair.runs), compared.family(pair.title)
    words = [mean_text(paired, quantity), interval_text(paired, quantity), p_text(paired.t_p)]
    words += [p_text(paired.permutation_p)] * compared.permutable
    yield Cell(str(paired.n), _count_note(pair), hover=hover, runs=runs, address=pair.address)
    for text in words:
        yield Cell(text, hover=hover, runs=runs, address=pair.address)
    for text in (p_text(corrected), verdict(paired, corrected, quantity)):
        yield Cell(text, hover=hover, runs=every, address=corrected_address(pair.address))


def _count_note(pair: Pair) -> str:
    expected = len(pair.seeds)
    return "" if pair.paired.n == expected else f"of {expected}"


def _hover(pair: Pair) -> str:
    paired = pair.paired
    parts = [f"n = {paired.n} of {len(pair.seeds)}"]
    if paired.effect is not None:
        parts.append(f"Cohen's d = {paired.effect:.2f}")
    parts += seeds_text(paired, QUANTITIES[pair.metric])
    parts += [run.id + (f" ({run.state})" if run.state != "finished" else "") for run in pair.runs]
    return "\n".join(parts)


def _ids(pair: Pair, *states: str) -> list[str]:
    return [run.id for run in pair.runs if run.state in states]


def _notes(compared: Compared) -> Iterator[str]:
    quantity = QUANTITIES[compared.table.metric]
    better = f"; {quantity.better} is better" if quantity.better else ""
    yield (
        f"{quantity.label}{better}. Difference: mean over seeds of the first method minus the second; t interval. "
        "The runs of a row differ in their method and what belongs to it alone."
    )
    yield "t p: paired t test, two-sided." + _PERMUTED * compared.permutable
    words = "better or worse" if quantity.better else "higher or lower"
    yield (
        f"Holm p: the t p of the rows of a block, corrected as one family. Verdict: {words} where it is below {ALPHA}; "
        "undecided does not mean equal; one seed has no test."
    )
    if any(pair.paired.constant for pair in compared.pairs):
        yield "Equal, no spread: the difference is the same for every seed, which leaves nothing to test against."
    yield from absent_notes(compared.runs)


_PERMUTED = f" {PERMUTATION}: permutation test, the signs of the differences flipped in all ways."
