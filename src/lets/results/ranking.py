"""A ranking table as numbers: methods over all settings in which every one of them has all its runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lets.results.improvement import Improvement, improvement
from lets.results.outcomes import Outcome, read_outcome
from lets.results.quantities import QUANTITIES
from lets.results.ranks import Friedman, average_ranks, friedman, nemenyi_distance
from lets.results.repeats import repeats
from lets.results.summary import Summary
from lets.spec import Layout, Matrix
from lets.spec.matches import SETTING, Setting
from lets.spec.params import Ranking

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


def rank(table: Ranking, matrix: Matrix, layout: Layout) -> Ranked:
    """Read the runs of a table and rank its methods; raises SpecError if a method has several variants in a setting."""
    runs = tuple(read_outcome(run, layout) for run in matrix.select(table))
    methods = list(dict.fromkeys(run.spec.method for run in runs))
    groups = repeats(runs, (*SETTING, "method"))
    settings = dict.fromkeys(run.spec.setting for run in runs)
    lacking = {
        setting: tuple(m for m in methods if not _complete(groups.get((*setting, m), ()), table.metric))
        for setting in settings
    }
    counted = tuple(setting for setting in settings if not lacking[setting])
    values: list[Values] = [
        {m: _values(groups[*setting, m], table.metric) for m in methods} for setting in counted
    ]
    scores = [[Summary.of(one[m]).mean for m in methods] for one in values]
    return Ranked(
        table,
        tuple(_standings(table, methods, values, scores)),
        counted,
        {setting: names for setting, names in lacking.items() if names},
        friedman(scores),
        nemenyi_distance(len(methods), len(counted)),
        runs,
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
