"""Check: no two runs ended with the same weights, losses or history, unless their methods did the same."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged
from lets.files import sha256_bytes
from lets.optim.catalogue import describe
from lets.records import RunRecord
from lets.spec import RunSpec
from lets.spec.paths import WEIGHTS

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
FEW = 10
"""steps, in which two trainings may not have parted far enough for their losses to differ"""
RESTED = 1e-6
"""relative: perturbations are float32, and a radius that moves by less gives the same ones"""


def check_copies(case: Case) -> Check:
    """Compare all runs with each other, whatever their data, network, method and seed."""
    records = [record for record in case.complete() if _long(record)]
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in records:
        for name, digest in _content(case, record):
            found[name, digest].append(record.id)
    copied: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (name, _), runs in found.items():
        for pair in combinations(runs, 2):
            copied[pair].append(name)
    failures = [finding for pair, names in copied.items() for finding in _pair(case, *pair, names)]
    about = "weights, losses and history that two runs have in common"
    return Check("copies", about, len(records), tuple(failures))


def _long(record: RunRecord) -> bool:
    said = record.metrics.divergence
    return not said or said.step > FEW


def _content(case: Case, record: RunRecord) -> Iterator[tuple[str, str]]:
    """What only one training should have; weights that are not kept by the digest that was taken of them."""
    digests = record.provenance.files | case.digests[record.id]
    for name in ("history.csv", WEIGHTS):
        if name in digests:
            yield name, digests[name]
    losses = record.trace()["loss"]
    if len(losses) > FEW:
        yield "losses", sha256_bytes(losses.tobytes())


def _pair(case: Case, one: str, other: str, names: list[str]) -> Iterator[Finding]:
    """Which of the two is the copy, nobody knows: both are to be made again."""
    if _repeats(case, one, other) or _did_the_same(case.records[one], case.records[other]):
        return
    what = " and ".join(dict.fromkeys(names))
    yield damaged(case, one, f"has the {what} of another run: {other}")
    yield damaged(case, other, f"has the {what} of another run: {one}")


def _repeats(case: Case, one: str, other: str) -> bool:
    """Whether two runs differ in their seed alone: the check of the seeds names them."""
    first, second = case.matrix.runs[one], case.matrix.runs[other]
    return first.model_copy(update={"seed": second.seed}) == second


def _did_the_same(one: RunRecord, other: RunRecord) -> bool:
    """Whether the methods of two runs computed the same at every step, by their specs and by what they recorded."""
    return _setting(one.spec) == _setting(other.spec) and _method(one) == _method(other)


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
