"""Methods ranked over all settings in which every one of them has all its runs: a row per method."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lets.config.labels import setting_title, value_title
from lets.config.matrix import SETTING, Matrix, Setting, by_setting
from lets.config.messages import Location, Problem, or_near
from lets.config.selection import RunMetric, Selection, trained_alike
from lets.runs.metrics import QUANTITIES
from lets.runs.outcomes import Outcome, Records, repeats
from lets.stats.ranks import (
    RESAMPLES,
    Friedman,
    Improvement,
    average_ranks,
    friedman,
    improvement,
    nemenyi_distance,
)
from lets.stats.summary import Summary
from lets.tables.notes import absent_notes, p_text
from lets.tables.table import Block, Cell, Csv, Record, Row, Table, computed

ENOUGH = 4
"""seeds of each method, from which on it says something how often one is better, and what distance of ranks counts"""


class Ranking(Selection):
    """Methods ranked over the data sets, noises and architectures in which all of them have all their runs."""

    kind: Literal["ranking"]
    metric: RunMetric = "test_accuracy"
    reference: str = "sam"
    """the method that every other one is asked to improve on"""

    def grouped_by(self) -> tuple[str, ...]:
        """Return what a method is ranked in, and the method."""
        return (*SETTING, "method")

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield that there is nothing to rank, that the reference is not among it, or that trainings differ."""
        runs = self.chosen(matrix)
        methods = list(dict.fromkeys(run.method for run in runs))
        if len(methods) < 2:
            yield at, f"of {methods[0]} alone – one method has no rank – choose other experiments"
        elif self.reference not in methods:
            place = (*at, "reference")
            remedy = or_near(self.reference, methods, place)
            yield place, f"{self.reference!r} – it is not ranked, {', '.join(methods)} are – {remedy}"
        for setting, group in by_setting(runs).items():
            yield from trained_alike(at, setting, group)

    def rank(self, records: Records) -> "Ranked":
        """Rank the methods of its runs; raises SpecError if a method has several variants in a setting."""
        runs = tuple(records.shown(self))
        methods = list(dict.fromkeys(run.spec.method for run in runs))
        groups = repeats(runs, self.grouped_by())
        settings = dict.fromkeys(run.spec.setting for run in runs)
        lacking = {
            setting: tuple(m for m in methods if not _complete(groups.get((*setting, m), ()), self.metric))
            for setting in settings
        }
        counted = tuple(setting for setting in settings if not lacking[setting])
        values: list[Values] = [
            {m: _values(groups[*setting, m], self.metric) for m in methods} for setting in counted
        ]
        scores = [[Summary.of(one[m]).mean for m in methods] for one in values]
        return Ranked(
            self,
            tuple(_standings(self, methods, values, scores)),
            counted,
            {setting: names for setting, names in lacking.items() if names},
            friedman(scores),
            nemenyi_distance(len(methods), len(counted)),
            runs,
        )

    def table(self, name: str, records: Records) -> Table:
        """Return a row per method, from the best average rank to the worst; every cell rests on all runs."""
        ranked = self.rank(records)
        runs = tuple(run.id for run in ranked.runs)
        rows = tuple(_row(one, ranked, runs) for one in ranked.standings)
        titles, notes, csv = tuple(_titles(ranked)), tuple(_notes(ranked)), _csv(name, ranked)
        order = dict.fromkeys(value_title("method", run.spec.method) for run in ranked.runs)
        blocks = (Block("", rows),)
        return Table(name, self.title, "Method", titles, blocks, notes, csv, ranked.runs, order=[*order])


Values = Mapping[str, list[float]]
"""method → the metric of its runs, in one setting"""


@dataclass(frozen=True)
class Standing:
    """A method: average rank (1 is best), mean of its means, probability that it improves on the reference.

    All are None where no setting counts; the last one also for the reference itself.
    """

    method: str
    rank: float | None
    mean: float | None
    improvement: Improvement | None


@dataclass(frozen=True)
class Ranked:
    """The standings from the best to the worst, over the `counted` settings.

    `incomplete` settings are left out: setting → methods without some run there, or that were not run there at all.
    """

    table: Ranking
    standings: tuple[Standing, ...]
    counted: tuple[Setting, ...]
    incomplete: Mapping[Setting, tuple[str, ...]]
    friedman: Friedman | None
    distance: float | None
    """Nemenyi's critical distance of average ranks, at the 5 % level"""
    runs: tuple[Outcome, ...]

    @property
    def enough(self) -> bool:
        """Whether every method has seeds enough to be told from another by more than its mean."""
        seeds = Counter((run.spec.setting, run.spec.method) for run in self.runs)
        return (
            min((seeds[setting, one.method] for setting in self.counted for one in self.standings), default=0)
            >= ENOUGH
        )


def _standings(
    table: Ranking, methods: list[str], values: list[Values], scores: list[list[float]]
) -> list[Standing]:
    if not values:
        return [Standing(method, None, None, None) for method in methods]
    higher = QUANTITIES[table.metric].better != "lower"
    ranks = average_ranks(scores, higher)
    found = [
        Standing(
            method,
            ranks[place],
            Summary.of([setting[place] for setting in scores]).mean,
            _over(table.reference, method, values, higher),
        )
        for place, method in enumerate(methods)
    ]
    return sorted(found, key=lambda one: one.rank or 0)


def _over(reference: str, method: str, values: list[Values], higher: bool) -> Improvement | None:
    if method == reference:
        return None
    return improvement([one[method] for one in values], [one[reference] for one in values], higher)


def _complete(runs: Sequence[Outcome], metric: str) -> bool:
    return len(runs) > 0 and len(_values(runs, metric)) == len(runs)


def _values(runs: Sequence[Outcome], metric: str) -> list[float]:
    return [value for run in runs if (value := run.value(metric)) is not None]


def _csv(name: str, ranked: Ranked) -> Csv:
    """Return one line per method; Friedman's test and Nemenyi's distance, of all methods, stand on every line."""
    header = ["table", "method", "metric", "average_rank", "mean", "reference"]
    header += ["improvement", "improvement_low", "improvement_high"]
    header += ["settings", "friedman", "friedman_p", "nemenyi_distance"]
    test = ranked.friedman
    whole = (test.statistic if test else None, test.p if test else None, ranked.distance)
    records = []
    for one in ranked.standings:
        improved = one.improvement
        bounds = (improved and improved.interval) or (None, None)
        told = [name, one.method, ranked.table.metric, one.rank, one.mean, ranked.table.reference]
        told += [improved.probability if improved else None, *bounds, len(ranked.counted)]
        records.append(Record([*told, *map(computed, whole)], value_title("method", one.method)))
    return Csv(header, records)


def _titles(ranked: Ranked) -> Iterator[str]:
    """Yield the titles of the columns."""
    yield "Average rank"
    yield QUANTITIES[ranked.table.metric].label
    if ranked.enough:
        yield f"P(improves on {value_title('method', ranked.table.reference)})"


def _row(one: Standing, ranked: Ranked, runs: tuple[str, ...]) -> Row:
    best, table = ranked.standings[0].rank, ranked.table
    decimals = QUANTITIES[table.metric].decimals
    rank = "—" if one.rank is None else f"{one.rank:.2f}"
    mean = "—" if one.mean is None else f"{one.mean:.{decimals}f}"
    reference = one.method == table.reference
    title = value_title("method", one.method)
    cells = [Cell(rank, best=one.rank is not None and one.rank == best), Cell(mean)]
    cells += [Cell("reference") if reference else _improved(one.improvement)] * ranked.enough
    return title, tuple(replace(cell, runs=runs, address=title) for cell in cells)


def _improved(found: Improvement | None) -> Cell:
    if found is None:
        return Cell("—")
    note = f"{found.interval[0]:.2f} to {found.interval[1]:.2f}" if found.interval else ""
    return Cell(f"{found.probability:.2f}", note)


def _notes(ranked: Ranked) -> Iterator[str]:
    yield from _of_settings(ranked)
    quantity, count = QUANTITIES[ranked.table.metric], len(ranked.counted)
    if not count:
        yield from absent_notes(ranked.runs)
        return
    first = "lowest" if quantity.better == "lower" else "highest"
    yield (
        f"{quantity.label}: mean over settings of the means over seeds. Average rank: over settings, 1 for the "
        f"{first} mean over seeds, ties share; bold: the best. {_tests(ranked)}"
    )
    if ranked.enough:
        yield _improves(ranked)
    yield from absent_notes(ranked.runs)


def _improves(ranked: Ranked) -> str:
    return (
        f"{list(_titles(ranked))[-1]}: how probable it is that a run is better than one of that method in the "
        "same setting, a tie counts half; the mean over settings (Agarwal et al. 2021), and its 95 % interval from "
        f"{RESAMPLES} resamples of the runs of each setting, too narrow with few seeds."
    )


def _of_settings(ranked: Ranked) -> Iterator[str]:
    methods, count = len(ranked.standings), len(ranked.counted)
    names = "; ".join(setting_title(*setting) for setting in ranked.counted)
    yield (
        f"Over {count} setting{'' if count == 1 else 's'} in which all {methods} methods have all their runs"
        f"{f': {names}' if names else ''}."
    )
    if ranked.incomplete:
        without = (
            f"{setting_title(*setting)} (without all runs of {_methods(lacking, methods)})"
            for setting, lacking in ranked.incomplete.items()
        )
        yield f"Left out: {'; '.join(without)}."


def _methods(names: tuple[str, ...], of: int) -> str:
    return "any method" if len(names) == of else ", ".join(value_title("method", name) for name in names)


def _tests(ranked: Ranked) -> str:
    test, distance = ranked.friedman, ranked.distance
    if test is None or distance is None:
        return "Friedman's test needs two settings and three methods that differ."
    degrees = len(ranked.standings) - 1
    p = p_text(test.p)
    text = f"Friedman's test: χ² = {test.statistic:.2f} with {degrees} degrees of freedom, "
    text += f"p {p if p.startswith('<') else f'= {p}'}."
    if ranked.enough:
        text += f" Nemenyi's critical distance at the 5 % level: {distance:.2f}; "
        text += "methods whose average ranks are closer are not told apart."
    return text
