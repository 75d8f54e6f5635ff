"""Say which runs a name could mean that is not exactly one of them."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from lets.spec.run import RunSpec

__all__ = ["which_run"]

SHOWN = 8
"""runs named in a message"""


def which_run(name: str, found: Sequence[RunSpec], runs: Mapping[str, RunSpec]) -> str:
    """Return why `name` is not one run: the several runs `found` that it begins, and what tells them apart."""
    if not found:
        near = get_close_matches(name, runs, SHOWN // 2)
        those = "\n  ".join(["the nearest ones:", *near]) if near else "list them: lets status --runs"
        return f"run {name!r} – is no run of this params file – {those}"
    lines = [f"  {run.id}{_apart(run, found)}" for run in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"  … and {len(found) - SHOWN} more: lets status --runs")
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
