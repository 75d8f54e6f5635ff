"""Learned radii against fixed ones of the same method, in three ways that cost differently."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from lets.config.effort import passes
from lets.config.labels import setting_title, value_title
from lets.config.matrix import SETTING, Matrix, by_setting
from lets.config.messages import Location, Problem
from lets.config.run import RunSpec
from lets.config.selection import RunMetric, Selection, read_for
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Outcome, Records
from lets.stats.paired import ALPHA, Paired, holm_within
from lets.tables.learned import LearnedOutcomes, learned_outcomes, learned_runs, not_learned
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

ALIKE = 0.02
"""relative: two trainings whose passes differ by less cost the same"""
BASELINES = {
    "start": "the radius that it starts from",
    "best": "the best radius of the grid",
    "passes": "the radius that it starts from, at equal passes",
}
"""by name: what a learned radius is compared with"""
Fixed = dict[float, dict[int, Outcome]]
"""radius → seed → run, of one length"""
COLUMNS = (
    "Seeds",
    "Passes",
    "Passes of the baseline",
    "Difference",
    "95 % interval",
    "t p",
    "Holm p",
    "Verdict",
)
CORRECTED_FIELDS = ("holm_p", "verdict")
"""of the csv: the same"""
PLACE = ("experiment", "method", *SETTING, "against")


class Baselines(Selection):
    """Learned radii against the fixed ones of the same method: at its start, the best of all, at equal passes.

    A row per experiment with a lets-method; its baselines are the runs of the method without lets-.
    """

    kind: Literal["baselines"]
    metric: RunMetric = "test_accuracy"

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield what keeps its runs from being compared, and learned radii without a baseline."""
        yield from not_learned(at, self, matrix)
        runs = self.chosen(matrix)
        for one in learned_runs(self, matrix):
            if not any((run.setting, run.method) == (one.setting, one.base) for run in runs):
                reason = f"there is no run of {one.base} with a fixed radius beside {one.method}"
                yield (*at, "experiments"), f"{self.experiments} – {reason} – add an experiment with it"

    def reads(self, tables: Mapping[str, Selection]) -> frozenset[str]:
        """Return that passes are shown besides."""
        return frozenset({read_for(self.metric), "passes"})

    def answers(self, records: Records) -> list[Answer]:
        """Return how learned radii did against the best fixed one."""
        return answers_of(against_fixed(self, self.metric, records))

    def table(self, name: str, records: Records) -> Table:
        """Return a block per method, setting and baseline, a row per experiment."""
        found = against_fixed(self, self.metric, records)
        rows: dict[str, list[Row]] = {}
        for row, corrected in zip(found.rows, found.corrected, strict=True):
            cells = row.learned.title, tuple(_cells(row, corrected, found))
            rows.setdefault(row.title, []).append(cells)
        blocks = tuple(Block(title, tuple(group)) for title, group in rows.items())
        notes, csv = tuple(_notes(found)), _csv(name, found)
        runs = tuple(run for row in found.rows for run in row.runs)
        return Table(name, self.title, "What moves the radius", COLUMNS, blocks, notes, csv, runs)


@dataclass(frozen=True)
class Against:
    """A learned radius against fixed ones; `paired` is LETS minus them by seed, a mean over initial radii.

    `passes` and `baseline_passes` are those of one training of LETS and of all that the baseline takes: of the best
    radius of a grid, the whole grid.
    """

    learned: LearnedOutcomes
    baseline: str
    fixed: tuple[Outcome, ...]
    paired: Paired
    passes: float
    baseline_passes: float

    @property
    def title(self) -> str:
        """Its block of rows: `LETS-SAM against SAM at the best radius of the grid, ResNet-18 on …`."""
        one = self.learned
        methods = (value_title("method", name) for name in (one.method, one.base))
        return f"{' against '.join(methods)} at {BASELINES[self.baseline]}, {setting_title(*one.setting)}"

    @property
    def runs(self) -> tuple[Outcome, ...]:
        """All runs that the comparison rests on."""
        return (*self.learned.outcomes, *self.fixed)


@dataclass(frozen=True)
class AllAgainst:
    """All comparisons of a metric, and beside each its p as Holm corrects it for those of its block."""

    metric: str
    rows: tuple[Against, ...]
    corrected: tuple[float | None, ...]


def against_fixed(item: Selection, metric: str, records: Records) -> AllAgainst:
    """Compare the learned radii that an item shows with its fixed ones, where it has both.

    Raises SpecError if an experiment mixes variants.
    """
    found = learned_outcomes(item, records)
    groups = by_setting(item.chosen(records.matrix))
    base = {
        (setting, base): [records.outcome(run) for run in groups[setting] if run.method == base]
        for setting, base in dict.fromkeys((one.setting, one.base) for one in found)
    }
    rows = [row for one in found for row in _against_each(one, base[one.setting, one.base], metric)]
    rows.sort(key=lambda row: list(BASELINES).index(row.baseline))
    rows.sort(key=lambda row: _place(found, row.learned))
    corrected = holm_within([row.title for row in rows], [row.paired.t_p for row in rows])
    return AllAgainst(metric, tuple(rows), tuple(corrected))


def answers_of(found: AllAgainst) -> list[Answer]:
    """Return the comparisons with the best radius of a grid."""
    return [
        Answer.of(Question.FIXED, f"{row.learned.title}: {row.title}", row.paired, corrected, found.metric)
        for row, corrected in zip(found.rows, found.corrected, strict=True)
        if row.baseline == "best"
    ]


def _place(found: list[LearnedOutcomes], learned: LearnedOutcomes) -> int:
    """Return where the block of one stands."""
    return next(
        i for i, one in enumerate(found) if (one.method, one.setting) == (learned.method, learned.setting)
    )


def _against_each(learned: LearnedOutcomes, base: Sequence[Outcome], metric: str) -> Iterator[Against]:
    """Compare one with every baseline that there are runs for."""
    spec = learned.runs[0]
    value = _reader(metric)
    as_long = _fixed(base, lambda run: run.training.epochs == spec.training.epochs)
    as_many = _fixed(base, lambda run: abs(passes(run) / passes(spec) - 1) < ALIKE)
    for baseline, fixed in (("start", as_long), ("passes", as_many)):
        shared = [start for start in learned.initial_radii if start in fixed]
        if shared:
            paired = Paired.of(*_at_initial_radii(learned, fixed, shared, value))
            runs = [run for start in shared for run in fixed[start].values()]
            yield Against(learned, baseline, tuple(runs), paired, passes(spec), passes(runs[0].spec))
    if len(as_long) > 1:
        runs = [run for seeds in as_long.values() for run in seeds.values()]
        grid = sum(passes(next(iter(seeds.values())).spec) for seeds in as_long.values())
        paired = Paired.of(
            _over_initial_radii(learned, learned.initial_radii, value),
            best_by_others(as_long, value, QUANTITIES[metric].better != "lower"),
        )
        yield Against(learned, "best", tuple(runs), paired, passes(spec), grid)


def best_by_others(fixed: Fixed, value: Callable[[Outcome], float | None], higher: bool) -> dict[int, float]:
    """Return for each seed the metric at the radius that is best in the mean of all other seeds.

    Chosen by the seed that it is measured on, the best of many radii would be lucky, too. Of one seed, nothing; only
    seeds that every radius has count.
    """
    table = {
        radius: {seed: found for seed, run in seeds.items() if (found := value(run)) is not None}
        for radius, seeds in fixed.items()
    }
    asked = dict.fromkeys(seed for seeds in fixed.values() for seed in seeds)
    shared = [seed for seed in asked if all(seed in values for values in table.values())]
    if len(shared) < 2:
        return {}
    sign = 1 if higher else -1
    best: dict[int, float] = {}
    for seed in shared:
        others = [other for other in shared if other != seed]
        radius = max(table, key=lambda one: sign * fmean(table[one][other] for other in others))
        best[seed] = table[radius][seed]
    return best


def _fixed(base: Sequence[Outcome], like: Callable[[RunSpec], bool]) -> Fixed:
    found: Fixed = {}
    for run in base:
        if like(run.spec):
            found.setdefault(run.field("rho"), {})[run.spec.seed] = run
    return dict(sorted(found.items()))


def _reader(metric: str) -> Callable[[Outcome], float | None]:
    return lambda run: run.value(metric)


def _over_initial_radii(
    learned: LearnedOutcomes, starts: Sequence[float], value: Callable[[Outcome], float | None]
) -> dict[int, float]:
    """Seed → the mean of the metric over initial radii, for seeds that have it from all of them."""
    return _means([learned.by_initial_radius[start] for start in starts], value)


def _at_initial_radii(
    learned: LearnedOutcomes, fixed: Fixed, starts: Sequence[float], value: Callable[[Outcome], float | None]
) -> tuple[dict[int, float], dict[int, float]]:
    """The same of LETS and of the fixed radii that it starts from."""
    return _over_initial_radii(learned, starts, value), _means([fixed[start] for start in starts], value)


def _means(
    groups: Sequence[dict[int, Outcome]], value: Callable[[Outcome], float | None]
) -> dict[int, float]:
    means: dict[int, float] = {}
    for seed in groups[0]:
        found: list[Any] = [value(group[seed]) if seed in group else None for group in groups]
        if None not in found:
            means[seed] = fmean(found)
    return means


def _csv(name: str, found: AllAgainst) -> Csv:
    """Return one line per experiment, method, setting and baseline."""
    header = ["table", *(f"row.{field}" for field in PLACE), "metric", "n", "passes", "baseline_passes"]
    header += ["difference", "sd", "low", "high", "t_p", "permutation_p", *CORRECTED_FIELDS, "seeds", "runs"]
    records = []
    for row, corrected in zip(found.rows, found.corrected, strict=True):
        one, paired = row.learned, row.paired
        place = [name, one.experiment, one.method, *one.setting, row.baseline, found.metric]
        numbers = [paired.n, row.passes, row.baseline_passes, paired.mean, paired.sd]
        tested = map(
            computed, (*(paired.interval() or (None, None)), paired.t_p, paired.permutation_p, corrected)
        )
        words = (" ".join(map(str, paired.differences)), " ".join(run.id for run in row.runs))
        said = verdict(paired, corrected, QUANTITIES[found.metric])
        others = dict.fromkeys(CORRECTED_FIELDS, corrected_address(one.address))
        records.append(Record([*place, *numbers, *tested, said, *words], one.address, others))
    return Csv(header, records)


def _cells(row: Against, corrected: float | None, found: AllAgainst) -> Iterator[Cell]:
    """Yield what rests on the runs of the row, then what the correction over the rows of its block makes of it."""
    paired, quantity, runs = row.paired, QUANTITIES[found.metric], _ids((row,))
    every = _ids(one for one in found.rows if one.title == row.title)
    hover = "\n".join([f"n = {paired.n}", *seeds_text(paired, quantity)])
    words = (
        str(paired.n),
        f"{row.passes:,.0f}",
        f"{row.baseline_passes:,.0f}",
        mean_text(paired, quantity),
        interval_text(paired, quantity),
        p_text(paired.t_p),
    )
    where = row.learned.address
    for text in words:
        yield Cell(text, hover=hover, runs=runs, address=where)
    for text in (p_text(corrected), verdict(paired, corrected, quantity)):
        yield Cell(text, hover=hover, runs=every, address=corrected_address(where))


def _ids(rows: Iterable[Against]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.id for row in rows for run in row.runs))


def _notes(found: AllAgainst) -> Iterator[str]:
    quantity = QUANTITIES[found.metric]
    yield (
        f"{quantity.label}. Difference: LETS minus its baseline, by seed, each the mean over all starts; t interval "
        "over seeds. Passes: forward-backward passes of one training of LETS, and of all that the baseline takes."
    )
    yield (
        "The best radius of the grid: for every seed the one that is best in the mean of the other seeds, so that luck "
        "is not counted; its passes are those of the whole grid. At equal passes: the same training, made longer until "
        "its passes are those of LETS within 2 %. Where nothing was trained so long, the row is not there."
    )
    yield (
        "Holm p: the t p of the rows of a block, corrected as one family. Verdict: of LETS, better or worse where it "
        f"is below {ALPHA}; undecided does not mean equal."
    )
    yield from absent_notes(run for row in found.rows for run in row.runs)
