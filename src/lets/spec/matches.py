"""Which runs are compared with which: those of two methods in one setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lets.optim.catalogue import METHODS
from lets.spec.params import Comparison, Selection
from lets.spec.run import RunSpec

if TYPE_CHECKING:
    from lets.spec.matrix import Matrix

SETTING = ("dataset", "noise", "architecture")
Setting = tuple[str, str, str]
"""data set, noise, architecture: what methods are compared in"""


@dataclass(frozen=True)
class Match:
    """`method` against another one in one setting: the runs of both, all seeds."""

    method: str
    against: str
    setting: Setting
    first: tuple[RunSpec, ...]
    second: tuple[RunSpec, ...]

    @property
    def runs(self) -> tuple[RunSpec, ...]:
        """The runs of both."""
        return (*self.first, *self.second)


def by_setting(runs: Sequence[RunSpec]) -> dict[Setting, list[RunSpec]]:
    """Return the runs of each setting, in the order of the params file."""
    found: dict[Setting, list[RunSpec]] = {}
    for run in runs:
        found.setdefault(run.setting, []).append(run)
    return found


@dataclass(frozen=True)
class Learned:
    """What one experiment trains with a learned radius in one setting: one method, from every start."""

    experiment: str
    method: str
    setting: Setting
    runs: tuple[RunSpec, ...]

    @property
    def base(self) -> str:
        """The method whose radius is learned."""
        return self.method.removeprefix("lets-")


def learned(item: Selection, matrix: "Matrix") -> list[Learned]:
    """Return every method with a learned radius of every experiment of an item, those of a setting together."""
    shown = {run.id for run in matrix.chosen(item)}
    found: list[Learned] = []
    for name in item.experiments:
        runs = [matrix.runs[id] for id in matrix.experiments[name] if id in shown]
        for setting, group in by_setting(
            [run for run in runs if METHODS[run.method].needs_validation]
        ).items():
            for method in dict.fromkeys(run.method for run in group):
                own = tuple(run for run in group if run.method == method)
                found.append(Learned(name, method, setting, own))
    places = list(dict.fromkeys((one.setting, one.method) for one in found))
    return sorted(found, key=lambda one: places.index((one.setting, one.method)))


def pairs_of(item: Comparison, runs: Sequence[RunSpec]) -> list[tuple[str, str]]:
    """Return the pairs that a table compares: those it names, or every lets-X with its X."""
    if item.pairs:
        return [(first, second) for first, second in item.pairs]
    return learned_pairs(runs)


def learned_pairs(runs: Sequence[RunSpec]) -> list[tuple[str, str]]:
    """Return every lets-X with its X, if both were run."""
    methods = dict.fromkeys(run.method for run in runs)
    learned = [method for method in methods if method.startswith("lets-")]
    return [(method, base) for method in learned if (base := method.removeprefix("lets-")) in methods]


def matches(item: Comparison, runs: Sequence[RunSpec]) -> list[Match]:
    """Return every pair in every setting that was run with both, pair by pair."""
    settings = by_setting(runs)
    found = []
    for method, against in pairs_of(item, runs):
        for setting, group in settings.items():
            first = tuple(run for run in group if run.method == method)
            second = tuple(run for run in group if run.method == against)
            if first and second:
                found.append(Match(method, against, setting, first, second))
    return found
