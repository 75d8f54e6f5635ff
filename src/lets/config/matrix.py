"""All runs of a params file, each once; and which of them are compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lets.config.messages import near
from lets.config.run import RunSpec
from lets.config.strict import Scalar
from lets.errors import SpecError


@dataclass(frozen=True)
class Matrix:
    """All runs of a params file by id, and the ids by experiment."""

    runs: dict[str, RunSpec]
    experiments: dict[str, tuple[str, ...]]

    def of(self, experiments: Iterable[str]) -> list[RunSpec]:
        """Return the runs of some experiments, each once."""
        ids = dict.fromkeys(run for name in experiments for run in self.experiments[name])
        return [self.runs[id] for id in ids]

    def find(self, run: str, listed: str = "lets status --runs") -> RunSpec:
        """Return the run of this id, or of its unambiguous beginning; raises SpecError.

        Its message names the command by which all are `listed`.
        """
        found = [spec for id, spec in self.runs.items() if id.startswith(run)]
        if len(found) != 1:
            raise SpecError(which_run(run, found, self.runs, listed))
        return found[0]


def first_seeds(runs: list[RunSpec]) -> list[RunSpec]:
    """Return one run per variant: the one whose seed is listed first."""
    first: dict[str, RunSpec] = {}
    for run in runs:
        first.setdefault(run.unseeded.canonical(), run)
    return list(first.values())


def meets(run: RunSpec, where: dict[str, list[Scalar]]) -> bool:
    """Whether a run has, of every field, one of the values."""
    return all(run.variant.get(field) in values for field, values in where.items())


SHOWN = 8
"""runs named in a message"""


def which_run(name: str, found: Sequence[RunSpec], runs: Mapping[str, RunSpec], listed: str) -> str:
    """Return why `name` is not one run: the several runs `found` that it begins, and what tells them apart."""
    if not found:
        found_near = near(name, runs, SHOWN // 2)
        those = "\n  ".join(["the nearest ones:", *found_near]) if found_near else f"list them:  {listed}"
        return f"run {name!r} – is no run of this params file – {those}"
    lines = [f"  {run.id}{_apart(run, found)}" for run in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"  … and {len(found) - SHOWN} more:  {listed}")
    return "\n".join([f"run {name!r} – begins {len(found)} ids – write more of the one you mean:", *lines])


def _apart(run: RunSpec, found: Sequence[RunSpec]) -> str:
    """The settings in which a run differs from those of `found` whose id differs in its last digits alone."""
    settings = [_settings(one) for one in found if one.id[:-8] == run.id[:-8]]
    own = _settings(run)
    differing = [key for key in own if any(one.get(key) != own[key] for one in settings)]
    return "".join(f"  {key}={own[key]}" for key in differing)


def _settings(run: RunSpec) -> dict[str, Any]:
    """Every setting of a run by its dotted name."""
    return {**run.hyperparameters, **_flat(run.training.model_dump(mode="json"))}


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


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
