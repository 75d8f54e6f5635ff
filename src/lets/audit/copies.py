"""Checks: no run is a copy of another, or almost one.

Runs that differ only in their seed are different trainings, each from the seeds that its id gives. No two runs have
the same weights or history, or almost the same losses, unless their methods did the same.
"""

from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy

from lets.audit.context import Context
from lets.audit.findings import Check, Finding, damaged, shared
from lets.config import RunSpec
from lets.config.paths import WEIGHTS
from lets.files import sha256_bytes
from lets.optim.catalogue import describe
from lets.runs import RunRecord

Fingerprints = dict[str, dict[str, str]]
"""run → what only one training can have, by the digests of its values"""

STEPS = 100
"""compared at the beginning of two trainings that differ in their seed"""
SAME = 1e-3
"""Relative: the losses of one training on two machines differ by 1e-4 and less at first, those of two by 1e-1."""
FEW = 10
"""steps, in which two trainings may not have parted far enough for their losses to differ"""
COMPARED = 1000
"""steps at most, evenly spread over a training"""
ALIKE = 1e-5
"""Relative, of losses. Other methods may begin alike, and AE-LookSAM shared half of its steps with LETS-AE-LookSAM; in
the second half of the steps, of 280 recorded runs no two were so near at more than one step in fifty."""
CLOSE = 0.01
"""relative: the losses of two short trainings may hardly differ if their radii do not"""
CONSTANT = 1e-6
"""relative: perturbations are float32, and a radius that moves by less gives the same ones"""
HISTORY = "history.csv"
MEASURED = (
    "epoch",
    "loss",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
)
"""columns of a history that depend on the weights"""
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


def check_copies(context: Context) -> tuple[Check, Check]:
    """Compare the runs that differ in their seed alone, then all with each other."""
    fingerprints = {record.id: dict(_fingerprints(record)) for record in context.complete}
    return _seeds(context, fingerprints), _copies(context, fingerprints)


def _fingerprints(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield as much as a run has: one that diverged at once has little.

    Of weights that are not kept the provenance has the digest of their file.
    """
    rows = [[getattr(row, name) for name in MEASURED] for row in record.history]
    if rows:
        yield HISTORY, sha256_bytes(repr(rows).encode())
    if WEIGHTS in record.files:
        yield WEIGHTS, _weights(record.folder / WEIGHTS)
    elif WEIGHTS in record.provenance.files:
        yield WEIGHTS, record.provenance.files[WEIGHTS]
    losses = record.trace()["loss"]
    if numpy.isfinite(losses).sum() > FEW:
        yield "losses", sha256_bytes(losses.tobytes())


def _weights(path: Path) -> str:
    """Digest tensors by name and value, for a file can be written anew in other types, or with another header."""
    from safetensors import safe_open

    digest = sha256()
    try:
        with safe_open(path, framework="pt") as file:
            for name in sorted(file.keys()):
                tensor = file.get_tensor(name).double() + 0  # no zero is a negative one
                digest.update(f"{name} {list(tensor.shape)}\n".encode() + tensor.numpy().tobytes())
    except Exception as error:  # what the library raises of a damaged file is listed nowhere
        return f"none: {error}"
    return digest.hexdigest()


def _seeds(context: Context, fingerprints: Fingerprints) -> Check:
    """Find runs that are another seed's run, or a slightly changed one."""
    failures = [finding for record in context.complete for finding in _recorded_seeds(context, record)]
    for runs in _repetitions(context).values():
        losses = {run: context.records[run].trace()["loss"][:STEPS] for run in runs}
        for one, other in combinations(runs, 2):
            first, second = fingerprints[one], fingerprints[other]
            if names := [name for name in first if first[name] == second.get(name)]:
                failures += shared(context, one, other, f"the {' and '.join(names)} of another seed")
            elif _begin_alike(losses[one], losses[other]):
                failures += shared(context, one, other, "almost the losses of another seed")
    about = "trainings that differ only in their seed"
    return Check("seeds", about, len(context.complete), tuple(failures))


def _recorded_seeds(context: Context, record: RunRecord) -> Iterator[Finding]:
    recorded, given = record.provenance.seeds, context.matrix.runs[record.id].seeds()
    if recorded != given:
        wrong = [name for name in sorted(given) if recorded.get(name) != given[name]]
        names = ", ".join(wrong) or "others besides"
        yield damaged(context, record.id, f"provenance.json has other seeds than its id gives: {names}")


def _repetitions(context: Context) -> dict[str, list[str]]:
    """Return runs by everything but their seed; those that say themselves whose copy they are, the matrix names."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in context.complete:
        if {record.spec.id, record.metrics.run, record.provenance.run} == {record.id}:
            spec = context.matrix.runs[record.id].unseeded
            found[spec.canonical()].append(record.id)
    return found


def _begin_alike(one: Any, other: Any) -> bool:
    """Return whether most steps of two trainings have the same loss."""
    steps = min(len(one), len(other))
    return bool(steps and numpy.isclose(one[:steps], other[:steps], rtol=SAME, atol=0).mean() > 0.5)


def _copies(context: Context, fingerprints: Fingerprints) -> Check:
    """Compare all runs with each other, whatever their data, network, method and seed."""
    records = [record for record in context.complete if _long(record)]
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in records:
        for fingerprint in fingerprints[record.id].items():
            if fingerprint[0] != HISTORY or record.metrics.steps > FEW:
                owners[fingerprint].append(record.id)
    copied: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (name, _), runs in owners.items():
        for pair in combinations(runs, 2):
            copied[pair].append(name)
    failures = [finding for pair, names in copied.items() for finding in _copied(context, *pair, names)]
    for pair in _alike(records):
        failures += [] if pair in copied else _nearly_copied(context, *pair)
    about = "weights, losses and history that two runs have in common"
    return Check("copies", about, len(records), tuple(failures))


def _long(record: RunRecord) -> bool:
    divergence = record.metrics.divergence
    return not divergence or divergence.step > FEW


def _alike(records: list[RunRecord]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of runs with almost the same losses at most steps of the second half of their training."""
    groups: dict[int, dict[str, Any]] = defaultdict(dict)
    for record in records:
        losses = record.trace()["loss"]
        groups[len(losses)][record.id] = losses[:: len(losses) // COMPARED + 1]
    for runs in groups.values():
        names, table = [*runs], numpy.stack([*runs.values()])
        for row, name in enumerate(names[:-1]):
            for other in numpy.flatnonzero(_near(table[row], table[row + 1 :])):
                yield name, names[row + 1 + other]


def _near(losses: Any, others: Any) -> Any:
    """Return which of the other trainings are alike; a loss that is zero or not finite tells nothing."""
    known = numpy.isfinite(losses) & numpy.isfinite(others) & (losses != 0)
    late = known & (2 * known.cumsum(axis=1) > known.sum(axis=1, keepdims=True))
    near = late & numpy.isclose(others, losses, rtol=ALIKE, atol=0)
    return (late.sum(axis=1) > FEW // 2) & (2 * near.sum(axis=1) > late.sum(axis=1))


def _copied(context: Context, one: str, other: str, names: list[str]) -> Iterator[Finding]:
    """A history is rounded: without the same weights it may be that of two methods that did nearly the same."""
    innocent = _did_nearly_the_same if names == [HISTORY] else _did_the_same
    if not (_repeats(context, one, other) or innocent(context.records[one], context.records[other])):
        yield from shared(context, one, other, f"the {' and '.join(dict.fromkeys(names))} of another run")


def _nearly_copied(context: Context, one: str, other: str) -> Iterator[Finding]:
    records = context.records
    if not (_repeats(context, one, other) or _did_nearly_the_same(records[one], records[other])):
        yield from shared(context, one, other, "almost the losses of another run")


def _repeats(context: Context, one: str, other: str) -> bool:
    """Return whether two runs differ in their seed alone: the check of the seeds names them."""
    runs = context.matrix.runs
    return runs[one].repeats(runs[other])


def _did_the_same(one: RunRecord, other: RunRecord) -> bool:
    """Return whether two methods computed the same at every step, by their specs and by what they recorded.

    What of a learned radius is idle, and what its kind is, depends on whether it moved.
    """
    return _setting(one.spec) == _setting(other.spec) and _exactly(one) == _exactly(other)


def _exactly(record: RunRecord) -> tuple[Any, ...]:
    radius, radii = describe(record.spec.method).radius, record.trace()["rho"]
    if not numpy.isclose(radii, radii[:1], rtol=CONSTANT, atol=0, equal_nan=True).all():
        return _parts(record, radius, set())
    return _parts(record, "fixed" if radius == "learned" else radius, LEARNING)


def _did_nearly_the_same(one: RunRecord, other: RunRecord) -> bool:
    """Return whether two methods differ in nothing but their radii, and those by next to nothing."""
    idle = {"rho"} | LEARNING
    if _setting(one.spec) != _setting(other.spec) or _parts(one, "", idle) != _parts(other, "", idle):
        return False
    first, second = one.trace()["rho"], other.trace()["rho"]
    known = numpy.isfinite(first) & numpy.isfinite(second)
    return bool(numpy.isclose(first[known], second[known], rtol=CLOSE, atol=0).all())


def _setting(spec: RunSpec) -> tuple[Any, ...]:
    training = spec.training.model_dump(mode="json", exclude=NO_EFFECT)
    return spec.setting, spec.seed, training


def _parts(record: RunRecord, radius: str, idle: set[str]) -> tuple[Any, ...]:
    """Return the parts of a method and their settings, without those that are idle."""
    info, values = describe(record.spec.method), record.spec.hyperparameters
    policy = _policy(info.policy, record)
    if policy == "never":
        return (policy,)
    idle = idle | {"bn_stats"} | (POLICY if policy != info.policy else set())
    return policy, info.ascent, info.descent, radius, {k: v for k, v in values.items() if k not in idle}


def _policy(name: str, record: RunRecord) -> str:
    """A policy that draws or adapts may have perturbed at every step, or at none."""
    perturbed, steps = record.metrics.perturbed_steps, record.metrics.steps
    if name in ("bernoulli", "adaptive", "every"):
        return {0: "never", steps: "always"}.get(perturbed, name)
    return name
