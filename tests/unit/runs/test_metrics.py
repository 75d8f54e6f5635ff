"""Metrics are what the history says, and nothing else."""

import pytest
from pydantic import ValidationError

from lets.errors import RecordError
from lets.runs import Divergence, Metrics
from lets.runs.history import HistoryRow


def row(epoch: int, test_accuracy: float, rho: float = 0.05) -> HistoryRow:
    return HistoryRow(epoch, 10, 20, 9, 0.1, rho, 1.5, 0.25, 90.0, 1.0, test_accuracy)


def test_finished() -> None:
    metrics = Metrics.of("a/b", [row(1, 80.0), row(2, 95.0), row(3, 95.0), row(4, 94.0, rho=0.125)])
    assert metrics.model_dump(exclude_none=True) == {
        "run": "a/b",
        "status": "finished",
        "epochs": 4,
        "steps": 40,
        "passes": 80,
        "perturbed_steps": 36,
        "test_accuracy": 94.0,
        "test_loss": 1.0,
        "train_accuracy": 90.0,
        "train_loss": 0.25,
        "generalization_gap": 0.75,
        "best_test_accuracy": 95.0,
        "best_epoch": 2,
        "rho": 0.125,
    }


def test_diverged_has_no_results_only_where_it_stopped() -> None:
    stopped = Divergence(step=17, rho=0.05, norms={"loss": "nan"})
    metrics = Metrics.of("a/b", [row(1, 80.0)], stopped)
    assert metrics.model_dump(exclude_none=True) == {
        "run": "a/b",
        "status": "diverged",
        "epochs": 1,
        "steps": 10,
        "passes": 20,
        "perturbed_steps": 9,
        "divergence": {"step": 17, "rho": 0.05, "norms": {"loss": "nan"}},
    }


def test_diverged_in_the_first_epoch() -> None:
    assert Metrics.of("a/b", [], Divergence(step=0, rho=0.0, norms={})).epochs == 0


def test_finished_without_an_epoch_is_refused() -> None:
    with pytest.raises(
        RecordError, match="a/b – its history has no epoch – delete its folder and make the run again"
    ):
        Metrics.of("a/b", [])


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="accuracy"):
        Metrics.model_validate(Metrics.of("a/b", [row(1, 80.0)]).model_dump() | {"accuracy": 99.0})
