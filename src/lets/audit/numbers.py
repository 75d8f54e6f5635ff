"""Check: metrics from the history, the history from the trace."""

import math
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged
from lets.errors import RecordError
from lets.records import Metrics, RunRecord
from lets.records.history import HistoryRow

ROUNDING = 1e-9  # a mean of float64 values depends on the order of the sum, by far less than this


def check_numbers(case: Case) -> Check:
    """Every number of metrics.json follows from history.csv, every mean loss there from the trace."""
    records = case.complete()
    failures: list[Finding] = []
    for record in records:
        failures += [damaged(case, record.id, reason) for reason in _reasons(record)]
    return Check("numbers", "metrics from histories, histories from traces", len(records), tuple(failures))


def _reasons(record: RunRecord) -> Iterator[str]:
    try:
        yield from _metrics(record)
        yield from _epochs(record)
        yield from _trace(record, load_file(record.folder / "trace.safetensors"))
    except RecordError as error:
        yield f"unreadable: {error}"
    except (SafetensorError, OSError) as error:
        yield f"trace.safetensors cannot be read ({error})"


def _metrics(record: RunRecord) -> Iterator[str]:
    said = record.metrics
    # Scores are no part of a history: the check of the weights computes them again.
    derived = Metrics.of(record.id, record.history, said.divergence, said.scores).model_dump()
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


def _trace(record: RunRecord, trace: dict[str, Any]) -> Iterator[str]:
    if absent := {"loss", "rho"} - trace.keys():
        yield f"trace.safetensors has no {' and no '.join(sorted(absent))}"
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
    mean = float(losses.mean(dtype="float64"))
    if not math.isclose(mean, row.loss, rel_tol=ROUNDING):
        yield f"history.csv says loss = {row.loss} in epoch {row.epoch}, its trace gives {mean}"
