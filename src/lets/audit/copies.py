"""Check: no two runs have the same weights or history, or almost the same losses, unless their methods did the same."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import numpy

from lets.audit.case import Case
from lets.audit.contents import FEW, HISTORY
from lets.audit.findings import Check, Finding, shared
from lets.config import RunSpec
from lets.optim.catalogue import describe
from lets.runs import RunRecord

NO_EFFECT = {
    "val_batches",
    "train_samples",
    "precision",
    "channels_last",
    "compile",
    "clip",
    "dropout",
    "measure_every",
    "ranks",
}
"""settings of a training that change nothing somewhere: on a CPU, without dropout, for methods that do not learn"""
POLICY = {"p", "k", "delta", "lambda_1", "lambda_2"}
"""what decides whether a step perturbs"""
LEARNING = describe("lets-sam").hyperparameters.keys() - describe("sam").hyperparameters.keys()
RESTED = 1e-6
"""relative: perturbations are float32, and a radius that moves by less gives the same ones"""
ALIKE = 1e-5
"""Relative, of losses. Other methods may begin alike, and AE-LookSAM shared half of its steps with LETS-AE-LookSAM; in
the second half of the steps, of 280 recorded runs no two were so near at more than one step in fifty."""
COMPARED = 1000
"""steps at most, evenly spread over a training"""
CLOSE = 0.01
"""relative: the losses of two short trainings may hardly differ if their radii do not"""


def check_copies(case: Case) -> Check:
    """Compare all runs with each other, whatever their data, network, method and seed."""
    records = [record for record in case.complete() if _long(record)]
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in records:
        for content in case.contents[record.id].items():
            if content[0] != HISTORY or record.metrics.steps > FEW:
                found[content].append(record.id)
    copied: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (name, _), runs in found.items():
        for pair in combinations(runs, 2):
            copied[pair].append(name)
    failures = [finding for pair, names in copied.items() for finding in _copied(case, *pair, names)]
    for pair in _alike(records):
        failures += [] if pair in copied else _nearly_copied(case, *pair)
    about = "weights, losses and history that two runs have in common"
    return Check("copies", about, len(records), tuple(failures))


def _long(record: RunRecord) -> bool:
    said = record.metrics.divergence
    return not said or said.step > FEW


def _alike(records: Iterable[RunRecord]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of runs with almost the same losses at most steps of the second half of their training."""
    groups: dict[int, dict[str, Any]] = defaultdict(dict)
    for record in records:
        losses = record.trace()["loss"]
        groups[len(losses)][record.id] = losses[:: len(losses) // COMPARED + 1]
    for runs in groups.values():
        names, table = [*runs], numpy.stack([*runs.values()])
        for place, name in enumerate(names[:-1]):
            for other in numpy.flatnonzero(_near(table[place], table[place + 1 :])):
                yield name, names[place + 1 + other]


def _near(losses: Any, others: Any) -> Any:
    """Return which of the other trainings are alike; a loss that is zero or not finite tells nothing."""
    told = numpy.isfinite(losses) & numpy.isfinite(others) & (losses != 0)
    late = told & (2 * told.cumsum(axis=1) > told.sum(axis=1, keepdims=True))
    near = late & numpy.isclose(others, losses, rtol=ALIKE, atol=0)
    return (late.sum(axis=1) > FEW // 2) & (2 * near.sum(axis=1) > late.sum(axis=1))


def _copied(case: Case, one: str, other: str, names: list[str]) -> Iterator[Finding]:
    """A history is rounded: without the same weights it may be that of two methods that did nearly the same."""
    innocent = _did_nearly_the_same if names == [HISTORY] else _did_the_same
    if not (_repeats(case, one, other) or innocent(case.records[one], case.records[other])):
        yield from shared(case, one, other, f"the {' and '.join(dict.fromkeys(names))} of another run")


def _nearly_copied(case: Case, one: str, other: str) -> Iterator[Finding]:
    if not (_repeats(case, one, other) or _did_nearly_the_same(case.records[one], case.records[other])):
        yield from shared(case, one, other, "almost the losses of another run")


def _repeats(case: Case, one: str, other: str) -> bool:
    """Whether two runs differ in their seed alone: the check of the seeds names them."""
    first, second = case.matrix.runs[one], case.matrix.runs[other]
    return first.model_copy(update={"seed": second.seed}) == second


def _did_the_same(one: RunRecord, other: RunRecord) -> bool:
    """Whether the methods of two runs computed the same at every step, by their specs and by what they recorded."""
    return _setting(one.spec) == _setting(other.spec) and _method(one) == _method(other)


def _did_nearly_the_same(one: RunRecord, other: RunRecord) -> bool:
    """Whether two methods differ in nothing but their radii, and those by next to nothing."""
    if _setting(one.spec) != _setting(other.spec) or _parts(one) != _parts(other):
        return False
    first, second = one.trace()["rho"], other.trace()["rho"]
    told = numpy.isfinite(first) & numpy.isfinite(second)
    return bool(numpy.isclose(first[told], second[told], rtol=CLOSE, atol=0).all())


def _parts(record: RunRecord) -> tuple[Any, ...]:
    """The parts of a method and their settings, without those of its radius."""
    info, values = describe(record.spec.method), record.spec.hyperparameters
    policy = _policy(info.policy, record)
    if policy == "never":
        return (policy,)
    idle = {"bn_stats", "rho"} | LEARNING | (POLICY if policy != info.policy else set())
    return policy, info.ascent, info.descent, {k: v for k, v in values.items() if k not in idle}


def _setting(spec: RunSpec) -> tuple[Any, ...]:
    training = spec.training.model_dump(mode="json", exclude=NO_EFFECT)
    return spec.setting, spec.seed, training


def _method(record: RunRecord) -> tuple[Any, ...]:
    """The parts of a method and their settings, without those that had no say in this run."""
    info, values = describe(record.spec.method), record.spec.hyperparameters
    policy = _policy(info.policy, record)
    if policy == "never":
        return (policy,)
    radii = record.trace()["rho"]
    rested = bool(numpy.isclose(radii, radii[0], rtol=RESTED, atol=0, equal_nan=True).all())
    radius = "fixed" if info.radius == "learned" and rested else info.radius
    idle = {"bn_stats"} | (LEARNING if rested else set()) | (POLICY if policy != info.policy else set())
    return policy, info.ascent, info.descent, radius, {k: v for k, v in values.items() if k not in idle}


def _policy(name: str, record: RunRecord) -> str:
    """One that draws or adapts may have perturbed at every step, or at none."""
    perturbed, steps = record.metrics.perturbed_steps, record.metrics.steps
    if name in ("bernoulli", "adaptive", "every"):
        return {0: "never", steps: "always"}.get(perturbed, name)
    return name
