"""Learned radii against fixed ones of the same method, in three ways that cost differently."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from lets.results.holm import holm
from lets.results.outcomes import Outcome, read_outcome
from lets.results.paired import Paired
from lets.results.quantities import QUANTITIES
from lets.results.readings import Reading, readings
from lets.spec import Layout, Matrix, Params, RunSpec
from lets.spec.effort import passes
from lets.spec.matches import Setting, by_setting
from lets.spec.params import Baselines

ALIKE = 0.02
"""relative: two trainings whose passes differ by less cost the same"""
WAYS = {
    "start": "the radius that it starts from",
    "best": "the best radius of the grid",
    "passes": "the radius that it starts from, at equal passes",
}
"""by name: what a learned radius is compared with"""
Fixed = dict[float, dict[int, Outcome]]
"""radius → seed → run, of one length"""


@dataclass(frozen=True)
class Against:
    """A reading against fixed radii; `paired` is LETS less them by seed, a mean over starts.

    `passes` and `baseline_passes` are those of one training of LETS and of all that the baseline takes: of the best
    radius of a grid, the whole grid.
    """

    reading: Reading
    way: str
    fixed: tuple[Outcome, ...]
    paired: Paired
    passes: float
    baseline_passes: float

    @property
    def runs(self) -> tuple[Outcome, ...]:
        """All runs that the comparison rests on."""
        return (*self.reading.outcomes, *self.fixed)


@dataclass(frozen=True)
class AllAgainst:
    """All rows of a table, and beside each its p as Holm corrects it for all of them."""

    table: Baselines
    rows: tuple[Against, ...]
    corrected: tuple[float | None, ...]


def baselines(table: Baselines, params: Params, matrix: Matrix, layout: Layout) -> AllAgainst:
    """Read the runs of a table and compare them; raises SpecError if a reading mixes variants."""
    found = readings(table, params, matrix, layout)
    base = _of_base(found, matrix, table, layout)
    rows = [row for one in found for row in _ways(one, base[one.setting, one.base], table.metric)]
    rows.sort(key=lambda row: list(WAYS).index(row.way))
    rows.sort(key=lambda row: _place(found, row.reading))
    return AllAgainst(table, tuple(rows), tuple(holm([row.paired.t_p for row in rows])))


def _place(found: list[Reading], reading: Reading) -> int:
    """Of the block that a reading is in."""
    return next(
        i for i, one in enumerate(found) if (one.method, one.setting) == (reading.method, reading.setting)
    )


def _of_base(
    found: list[Reading], matrix: Matrix, table: Baselines, layout: Layout
) -> dict[tuple[Setting, str], list[Outcome]]:
    """The runs of a table that readings are held against, by setting and method, each read once."""
    groups = by_setting(matrix.chosen(table))
    return {
        (setting, base): [read_outcome(run, layout) for run in groups[setting] if run.method == base]
        for setting, base in dict.fromkeys((one.setting, one.base) for one in found)
    }


def _ways(reading: Reading, base: Sequence[Outcome], metric: str) -> Iterator[Against]:
    """Compare one reading in every way that there are runs for."""
    spec = reading.runs[0]
    value = _reader(metric)
    as_long = _fixed(base, lambda run: run.training.epochs == spec.training.epochs)
    as_many = _fixed(base, lambda run: abs(passes(run) / passes(spec) - 1) < ALIKE)
    for way, fixed in (("start", as_long), ("passes", as_many)):
        shared = [start for start in reading.starts if start in fixed]
        if shared:
            paired = Paired.of(*_at_starts(reading, fixed, shared, value))
            runs = [run for start in shared for run in fixed[start].values()]
            yield Against(reading, way, tuple(runs), paired, passes(spec), passes(runs[0].spec))
    if len(as_long) > 1:
        runs = [run for seeds in as_long.values() for run in seeds.values()]
        grid = sum(passes(next(iter(seeds.values())).spec) for seeds in as_long.values())
        paired = Paired.of(
            _over_starts(reading, reading.starts, value),
            best_by_others(as_long, value, QUANTITIES[metric].better != "lower"),
        )
        yield Against(reading, "best", tuple(runs), paired, passes(spec), grid)


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


def _over_starts(
    reading: Reading, starts: Sequence[float], value: Callable[[Outcome], float | None]
) -> dict[int, float]:
    """Seed → the mean of the metric over starts, for seeds that have it from all of them."""
    return _means([reading.by_start[start] for start in starts], value)


def _at_starts(
    reading: Reading, fixed: Fixed, starts: Sequence[float], value: Callable[[Outcome], float | None]
) -> tuple[dict[int, float], dict[int, float]]:
    """The same of LETS and of the fixed radii that it starts from."""
    return _over_starts(reading, starts, value), _means([fixed[start] for start in starts], value)


def _means(
    groups: Sequence[dict[int, Outcome]], value: Callable[[Outcome], float | None]
) -> dict[int, float]:
    means: dict[int, float] = {}
    for seed in groups[0]:
        found: list[Any] = [value(group[seed]) if seed in group else None for group in groups]
        if None not in found:
            means[seed] = fmean(found)
    return means
