"""Check: metrics from the history, the history from the trace."""

import math
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged
from lets.optim.catalogue import describe
from lets.runs import Divergence, Metrics, RunRecord
from lets.runs.history import LEARNED, HistoryRow

if TYPE_CHECKING:
    from lets.runs.history import Columns

ROUNDING = 1e-9  # a mean of float64 values depends on the order of the sum, by far less than this


def check_numbers(case: Case) -> Check:
    """Every number of metrics.json follows from history.csv, every mean loss there from the trace."""
    records = case.complete()
    failures: list[Finding] = []
    for record in records:
        failures += [damaged(case, record.id, reason) for reason in _reasons(record)]
    return Check("numbers", "metrics from histories, histories from traces", len(records), tuple(failures))


def _reasons(record: RunRecord) -> Iterator[str]:
    yield from _metrics(record)
    yield from _epochs(record)
    yield from _trace(record, record.trace())
    if record.metrics.divergence:
        yield from _divergence(record, record.metrics.divergence, record.trace())


def _metrics(record: RunRecord) -> Iterator[str]:
    said = record.metrics
    # Scores are no part of a history: the check of the weights computes them again.
    try:
        derived = Metrics.of(record.id, record.history, said.divergence, said.scores).model_dump()
    except ValueError as error:
        yield f"history.csv gives no metrics: {error}"
        return
    for name, value in said.model_dump().items():
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
    learned = describe(record.spec.method).needs_validation
    if learned != (LEARNED[0] in trace):
        yield f"trace.safetensors has {', '.join(trace)}, which is not what {record.spec.method} leaves"
        return
    steps, finished = record.metrics.steps, record.metrics.divergence is None
    for name, column in trace.items():
        if len(column) < steps or (finished and len(column) != steps):
            yield f"trace.safetensors has {len(column)} values of {name}, the history has {steps} steps"
            return
    bounds = pairwise(accumulate((row.steps for row in record.history), initial=0))
    for row, (start, stop) in zip(record.history, bounds, strict=True):
        yield from _mean_loss(row, trace["loss"][start:stop])


def _mean_loss(row: HistoryRow, losses: Any) -> Iterator[str]:
    mean = float(losses.mean(dtype="float64")) if len(losses) else math.nan
    if not math.isclose(mean, row.loss, rel_tol=ROUNDING):
        yield f"history.csv says loss = {row.loss} in epoch {row.epoch}, its trace gives {mean}"


def _divergence(record: RunRecord, said: Divergence, trace: "Columns") -> Iterator[str]:
    """A training stops at once: no epoch after it, no number of a later step, and one that is not finite.

    On a GPU the verdict on a step comes one step late: the trace may have that step.
    """
    per_epoch, rest = divmod(len(trace["loss"]), record.spec.training.epochs)
    if rest or said.step >= len(trace["loss"]):
        yield f"metrics.json says that step {said.step} of {len(trace['loss'])} diverged"
        return
    every = record.spec.training.measure_every
    measured = said.step // per_epoch // every * every
    if (record.metrics.epochs, record.metrics.steps) != (measured, measured * per_epoch):
        yield f"step {said.step} diverged, {per_epoch} steps an epoch, its history has {record.metrics.epochs} epochs"
    for name, column in trace.items():
        told = numpy.flatnonzero(~numpy.isnan(column))
        if len(told) and told[-1] > said.step:
            yield f"step {said.step} diverged, trace.safetensors has {name} at step {told[-1]}"
    if not numpy.isfinite(trace["loss"][: said.step]).all():
        yield f"step {said.step} diverged, trace.safetensors has no finite loss at a step before"
    if all(math.isfinite(_number(value)) for value in said.norms.values()):
        yield f"metrics.json says that it diverged, and what was not finite it does not say: {said.norms}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
