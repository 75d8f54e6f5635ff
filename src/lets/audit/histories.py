"""Checks: the numbers of one run against each other: metrics, history, trace, and what spec and method decide.

A history could claim anything of its epochs but the last, whose weights are there. What spec and method decide is
worked out again; the rest is held against the trace, which is no more than a record either.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise, product
from typing import TYPE_CHECKING

import numpy

import lets.data.catalogue
import lets.optim.catalogue
from lets.audit.context import Context
from lets.audit.expected import (
    Pattern,
    learning_rates,
    learning_steps,
    learns_radius,
    passes,
    perturbed_steps,
    radii,
)
from lets.audit.findings import Check, Finding, damaged
from lets.config import RunSpec
from lets.config.effort import steps as total_steps
from lets.runs import Divergence, Metrics, RunRecord
from lets.runs.history import LEARNED, HistoryRow

if TYPE_CHECKING:
    from lets.runs.history import Columns

EXACT = 1e-9
"""relative: a mean or a rate in float64 depends on the order of its operations, by far less than this"""
LOW = 1e-3
"""Relative: a mean over many samples, rounded"""
LEAST = {"regression": 0.25}
"""What a wrong answer costs at least. A class or word that is not the likeliest has a probability of ½ at most, so
its cross-entropy is log 2 or more; a value further than ½ away has a squared error above ¼."""
RADIUS = 1e-5
"""Relative: hyper-gradients are float32, and Adam divides by their size"""


def check_numbers(context: Context) -> Check:
    """Hold every number of metrics.json against history.csv, every mean loss there against the trace."""
    failures = [
        damaged(context, record.id, reason) for record in context.complete for reason in _numbers(record)
    ]
    about = "metrics from histories, histories from traces"
    return Check("numbers", about, len(context.complete), tuple(failures))


def _numbers(record: RunRecord) -> Iterator[str]:
    yield from _metrics(record)
    yield from _epochs(record)
    yield from _trace(record, record.trace())
    if record.metrics.divergence:
        yield from _divergence(record, record.metrics.divergence, record.trace())


def _metrics(record: RunRecord) -> Iterator[str]:
    recorded = record.metrics
    # Scores are no part of a history: the check of the weights computes them again.
    try:
        derived = Metrics.of(record.id, record.history, recorded.divergence, recorded.scores).model_dump()
    except ValueError as error:
        yield f"history.csv gives no metrics: {error}"
        return
    for name, value in recorded.model_dump().items():
        if repr(value) != repr(derived[name]):  # repr: exact for floats, and NaN equals NaN
            yield f"metrics.json says {name} = {value}, its history gives {derived[name]}"


def _epochs(record: RunRecord) -> Iterator[str]:
    epochs, training = [row.epoch for row in record.history], record.spec.training
    every = training.measure_every
    if epochs != list(range(every, every * len(epochs) + 1, every)):
        yield f"history.csv has the epochs {epochs}"
    if record.metrics.divergence is None and every * len(epochs) != training.epochs:
        yield f"history.csv has {every * len(epochs)} epochs, the run has {training.epochs}"


def _trace(record: RunRecord, trace: "Columns") -> Iterator[str]:
    learned = lets.optim.catalogue.describe(record.spec.method).needs_validation
    if learned != (LEARNED[0] in trace):
        yield f"trace.safetensors has {', '.join(trace)}, which is not what {record.spec.method} leaves"
        return
    steps, finished = record.metrics.steps, record.metrics.divergence is None
    for name, column in trace.items():
        if len(column) < steps or (finished and len(column) != steps):
            yield f"trace.safetensors has {len(column)} values of {name}, the history has {steps} steps"
            return
    for row, epoch in _by_epoch(record.history):
        losses = trace["loss"][epoch]
        mean = float(losses.mean(dtype="float64")) if len(losses) else math.nan
        if not math.isclose(mean, row.loss, rel_tol=EXACT):
            yield f"history.csv says loss = {row.loss} in epoch {row.epoch}, its trace gives {mean}"


def _by_epoch(history: list[HistoryRow]) -> Iterator[tuple[HistoryRow, slice]]:
    """Yield every line of a history, and its steps."""
    bounds = pairwise(accumulate((row.steps for row in history), initial=0))
    return ((row, slice(*bound)) for row, bound in zip(history, bounds, strict=True))


def _divergence(record: RunRecord, divergence: Divergence, trace: "Columns") -> Iterator[str]:
    """A training stops at once: no epoch after it, no number of a later step, and one that is not finite.

    On a GPU the verdict on a step comes one step late: the trace may have that step.
    """
    per_epoch, rest = divmod(len(trace["loss"]), record.spec.training.epochs)
    last = divergence.step
    if rest or last >= len(trace["loss"]):
        yield f"metrics.json says that step {last} of {len(trace['loss'])} diverged"
        return
    every = record.spec.training.measure_every
    measured = last // per_epoch // every * every
    if (record.metrics.epochs, record.metrics.steps) != (measured, measured * per_epoch):
        yield f"step {last} diverged, {per_epoch} steps an epoch, its history has {record.metrics.epochs} epochs"
    for name, column in trace.items():
        known = numpy.flatnonzero(~numpy.isnan(column))
        if len(known) and known[-1] > last:
            yield f"step {last} diverged, trace.safetensors has {name} at step {known[-1]}"
    if not numpy.isfinite(trace["loss"][:last]).all():
        yield f"step {last} diverged, trace.safetensors has no finite loss at a step before"
    if all(math.isfinite(_number(value)) for value in divergence.norms.values()):
        yield f"metrics.json says that it diverged, and what was not finite it does not say: {divergence.norms}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


@dataclass(frozen=True)
class Trajectory:
    """What a run says of its epochs and steps; the trace is as long as the training that was asked for."""

    spec: RunSpec
    rows: list[HistoryRow]
    trace: "Columns"

    @classmethod
    def of(cls, spec: RunSpec, record: RunRecord) -> "Trajectory | None":
        """Return that of a run; None if its history has no steps, or its trace fewer."""
        rows, trace = record.history, record.trace()
        counted = rows and rows[0].steps >= spec.training.measure_every
        whole = counted and len(trace["rho"]) >= sum(row.steps for row in rows)
        return cls(spec, rows, trace) if whole else None

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return self.rows[0].steps // self.spec.training.measure_every

    @property
    def epochs(self) -> Iterator[tuple[HistoryRow, slice]]:
        """Every line of the history, and its steps."""
        return _by_epoch(self.rows)

    @cached_property
    def rates(self) -> Callable[[int], float]:
        """Step → learning rate, by the spec."""
        return learning_rates(self.spec, self.per_epoch)

    @cached_property
    def perturbed(self) -> Pattern | None:
        """The steps that the method perturbs; None if it looks at gradients."""
        return perturbed_steps(self.spec, len(self.hypergradients))

    @cached_property
    def hypergradients(self) -> list[float]:
        """The hyper-gradient of every step; NaN where none was taken."""
        steps = sum(row.steps for row in self.rows)
        column = self.trace.get("hypergradient")
        return [math.nan] * steps if column is None else [float(one) for one in column[:steps]]


@dataclass(frozen=True)
class Part:
    """A check of a trajectory; what `reasons` finds nothing against is confirmed if the spec has `decided` it."""

    name: str
    about: str
    reasons: Callable[[Trajectory], Iterator[str]]
    decided: Callable[[Trajectory], bool]


def check_histories(context: Context) -> tuple[Check, ...]:
    """Perform the checks of all parts; every trajectory is read once, and none is kept."""
    failures, confirmed, examined = defaultdict[str, list[Finding]](list), defaultdict[str, set[str]](set), 0
    for record in context.complete:
        if (trajectory := Trajectory.of(context.matrix.runs[record.id], record)) is None:
            continue  # named by the check of the numbers
        examined += 1
        for part in PARTS:
            found = [damaged(context, record.id, reason) for reason in part.reasons(trajectory)]
            failures[part.name] += found
            if not found and part.decided(trajectory):
                confirmed[part.name].add(record.id)
    return tuple(
        Check(
            part.name,
            part.about,
            examined,
            tuple(failures[part.name]),
            confirmed=frozenset(confirmed[part.name]),
        )
        for part in PARTS
    )


def _losses(trajectory: Trajectory) -> Iterator[str]:
    task = lets.data.catalogue.describe(trajectory.spec.dataset).task
    least = LEAST.get(task, math.log(2))
    for row, part in product(trajectory.rows, ("train", "test")):
        loss, accuracy = getattr(row, f"{part}_loss"), getattr(row, f"{part}_accuracy")
        if not 0 <= accuracy <= 100 or loss < (lowest := least * (1 - accuracy / 100)) * (1 - LOW):
            yield (
                f"history.csv says {part}_loss = {loss} with {part}_accuracy = {accuracy} in epoch {row.epoch}"
                + (f", wrong answers alone cost {lowest:.4g}" if 0 <= accuracy <= 100 else "")
            )
            return


def _schedule(trajectory: Trajectory) -> Iterator[str]:
    spec = trajectory.spec
    tokens = lets.data.catalogue.describe(spec.dataset).tokens
    per_epoch = trajectory.per_epoch if tokens else total_steps(spec) // spec.training.epochs
    wanted = per_epoch * spec.training.measure_every
    for row, steps in trajectory.epochs:
        if row.steps != wanted:
            yield f"history.csv says {row.steps} steps in epoch {row.epoch}, its data and batches give {wanted}"
            return
        if not math.isclose(row.lr, rate := trajectory.rates(steps.stop - 1), rel_tol=EXACT):
            yield f"history.csv says lr = {row.lr} in epoch {row.epoch}, its schedule gives {rate}"
            return


def _pattern(trajectory: Trajectory) -> Pattern | None:
    """Return the perturbed steps, as far as the method or the trace tells."""
    if trajectory.perturbed is None and trajectory.spec.hyperparameters.get("rho_every") == 1:
        return [not math.isnan(one) for one in trajectory.hypergradients]
    return trajectory.perturbed


def _passes(trajectory: Trajectory) -> Iterator[str]:
    pattern = _pattern(trajectory)
    learned = [not math.isnan(one) for one in trajectory.hypergradients]
    if pattern is not None and learned != learning_steps(trajectory.spec, pattern):
        yield "trace.safetensors has hyper-gradients at other steps than those on which its radius learns"
        return
    for row, steps in trajectory.epochs:
        where = f"history.csv says {{}} in epoch {row.epoch}, "
        if pattern is not None and row.perturbed != sum(pattern[steps]):
            yield (
                where.format(f"{row.perturbed} perturbed steps")
                + f"its method perturbs {sum(pattern[steps])}"
            )
            return
        if not sum(learned[steps]) <= row.perturbed <= row.steps:
            yield where.format(f"{row.perturbed} perturbed steps") + f"which has {row.steps} steps"
            return
        guess = [*[True] * row.perturbed, *[False] * (row.steps - row.perturbed)]
        spent, saved = passes(trajectory.spec, guess, learned[steps], trajectory.per_epoch)
        if not spent - saved <= row.passes <= spent:
            takes = f"{spent - saved} to {spent}" if saved else f"{spent}"
            yield where.format(f"{row.passes} passes") + f"its method takes {takes}"
            return


def _passes_decided(trajectory: Trajectory) -> bool:
    """Return whether passes are what spec and method leave no choice about, not merely possible."""
    if (pattern := trajectory.perturbed) is None:
        return False
    learning = learning_steps(trajectory.spec, pattern)
    found = (
        passes(trajectory.spec, pattern[steps], learning[steps], trajectory.per_epoch)
        for _, steps in trajectory.epochs
    )
    return [row.passes for row in trajectory.rows] == [spent - saved for spent, saved in found]


def _radii(trajectory: Trajectory) -> Iterator[str]:
    learned = learns_radius(trajectory.spec)
    if learned and "hypergradient" not in trajectory.trace:
        yield "trace.safetensors has no hyper-gradients, and its radius is learned"
        return
    source = "its hyper-gradients give" if learned else "its spec gives"
    wanted = list(radii(trajectory.spec, trajectory.rates, trajectory.per_epoch, trajectory.hypergradients))
    for step, (rho, now) in enumerate(zip(trajectory.trace["rho"], wanted[:-1], strict=False)):
        if not math.isclose(rho, now, rel_tol=RADIUS):
            yield f"trace.safetensors says rho = {rho} at step {step}, {source} {now}"
            return
    for row, steps in trajectory.epochs:
        if not math.isclose(row.rho, now := wanted[steps.stop], rel_tol=RADIUS):
            yield f"history.csv says rho = {row.rho} after epoch {row.epoch}, {source} {now}"
            return


PARTS = (
    Part(
        "losses", "losses of every epoch, no lower than its wrong answers allow", _losses, lambda one: False
    ),
    Part("schedule", "steps and learning rates of every epoch, from the spec", _schedule, lambda one: True),
    Part("passes", "perturbed steps and passes of every epoch, from the method", _passes, _passes_decided),
    Part(
        "radius",
        "radii of every step, from the spec or the trace's hyper-gradients",
        _radii,
        lambda one: not learns_radius(one.spec),
    ),
)
"""Losses and accuracies of every epoch can be those of one network: that they are, only training again proves.
Passes of an adaptive method can be bounded alone; learned radii follow from hyper-gradients that the trace says were
taken."""
