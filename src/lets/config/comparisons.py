"""Which runs are compared with which: those of two methods in one setting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lets.config.run import RunSpec

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


def learned_pairs(runs: Sequence[RunSpec]) -> list[tuple[str, str]]:
    """Return every lets-X with its X, if both were run."""
    methods = dict.fromkeys(run.method for run in runs)
    learned = [method for method in methods if method.startswith("lets-")]
    return [(method, base) for method in learned if (base := method.removeprefix("lets-")) in methods]


def matches(pairs: Iterable[tuple[str, str]], runs: Sequence[RunSpec]) -> list[Match]:
    """Return every pair of methods in every setting that was run with both, pair by pair."""
    settings = by_setting(runs)
    found = []
    for method, against in pairs:
        for setting, group in settings.items():
            first = tuple(run for run in group if run.method == method)
            second = tuple(run for run in group if run.method == against)
            if first and second:
                found.append(Match(method, against, setting, first, second))
    return found
