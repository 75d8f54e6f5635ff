"""What the page shows of the runs behind a number: state, settings, curves, provenance, as data to embed."""

import json
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

from lets.errors import RecordError
from lets.runs import RunRecord
from lets.runs.history import HistoryRow
from lets.runs.outcomes import Outcome

EPOCHS = 60
"""a longer training is thinned to so many epochs, the first and the last among them"""


CURVES = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")


NUMBERS = (
    "test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "generalization_gap",
    "rho",
    "passes",
)


class _Shared:
    """Different values, each kept once: most runs have their settings in common."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, value: Any) -> int:
        """Return where a value stands in `values`."""
        key = json.dumps(value, sort_keys=True)
        if key not in self._places:
            self._places[key] = len(self.values)
            self.values.append(value)
        return self._places[key]


def evidence(runs: Iterable[Outcome]) -> dict[str, Any]:
    """Return `runs`, and the different `trainings` and `origins` that they name by number.

    A function of the run records alone; what is damaged is left out, and the state of the run says so.
    """
    trainings, origins = _Shared(), _Shared()
    found = [_run(run, trainings, origins) for run in runs]
    return {"runs": found, "trainings": trainings.values, "origins": origins.values}


def _run(run: Outcome, trainings: _Shared, origins: _Shared) -> dict[str, Any]:
    spec = run.spec
    content: dict[str, Any] = {"id": run.id, "state": run.state, "reason": run.reason}
    content["method"] = {name: spec.variant[name] for name in ("method", *spec.hyperparameters)}
    content["training"] = trainings.place(spec.training.model_dump(mode="json"))
    if run.metrics:
        numbers = {name: getattr(run.metrics, name) for name in NUMBERS}
        content["numbers"] = {name: _short(value) for name, value in numbers.items() if value is not None}
        content |= _curves(run.record, spec.method) | _origin(run, origins)
    return content


def _curves(record: RunRecord, method: str) -> dict[str, Any]:
    try:
        rows = _thinned(record.history)
    except RecordError:
        return {}
    names = (*CURVES, *(["rho"] if method.startswith("lets-") else []))
    curves = {name: [_short(getattr(row, name)) for row in rows] for name in names}
    return {"epochs": [row.epoch for row in rows], "curves": curves}


def _thinned(rows: Sequence[HistoryRow]) -> list[HistoryRow]:
    steps = max(1, EPOCHS - 1)
    places = dict.fromkeys(round(step * (len(rows) - 1) / steps) for step in range(EPOCHS))
    return [rows[place] for place in places] if rows else []


def _origin(run: Outcome, origins: _Shared) -> dict[str, Any]:
    if (fact := run.provenance) is None:
        return {}
    made = fact.model_dump(include={"code", "image", "data", "packages", "machine"})
    made["machine"] = fact.machine.model_dump(exclude_unset=True)
    facts = fact.model_dump(
        include={"started", "seconds", "resumed", "samples_per_second", "peak_memory_mib"}
    )
    short = {name: _short(value) if isinstance(value, float) else value for name, value in facts.items()}
    return {"origin": origins.place(made), "facts": short}


def _short(value: float) -> float | None:
    """Four digits are enough to look at; JSON knows no NaN."""
    return float(f"{value:.4g}") if isfinite(value) else None
