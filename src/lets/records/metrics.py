"""The numbers of a finished run: deterministic content only, so equal runs have equal bytes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lets.errors import RecordError
from lets.records.history import HistoryRow


class Divergence(BaseModel):
    """Where a training stopped being finite."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    rho: float
    norms: dict[str, str]
    """quantity → its value as text, since JSON knows no NaN"""


class Metrics(BaseModel):
    """metrics.json: written last, the mark of a finished run. Accuracies in percent, losses in nats."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    status: Literal["finished", "diverged"]
    epochs: int
    steps: int
    passes: int
    """forward-backward passes spent"""
    perturbed_steps: int
    test_accuracy: float | None = None
    test_loss: float | None = None
    train_accuracy: float | None = None
    train_loss: float | None = None
    generalization_gap: float | None = None
    """test loss minus training loss (paper §4.1)"""
    best_test_accuracy: float | None = None
    best_epoch: int | None = None
    rho: float | None = None
    """radius after the last step"""
    scores: dict[str, float] | None = None
    """what else the final weights reach, in percent: of texts every metric of the data set, of images the accuracy
    on those held out"""
    divergence: Divergence | None = None

    @classmethod
    def of(
        cls,
        run: str,
        history: list[HistoryRow],
        divergence: Divergence | None = None,
        scores: dict[str, float] | None = None,
    ) -> "Metrics":
        """Derive the metrics from the history; a diverged run has no results, only where it stopped."""
        totals = {
            "epochs": history[-1].epoch if history else 0,
            "steps": sum(row.steps for row in history),
            "passes": sum(row.passes for row in history),
            "perturbed_steps": sum(row.perturbed for row in history),
        }
        if divergence:
            return cls(run=run, status="diverged", **totals, divergence=divergence)
        if not history:
            raise RecordError(f"{run} – its history has no epoch – delete its folder and make the run again")
        last, best = history[-1], max(history, key=lambda row: row.test_accuracy)
        return cls(
            run=run,
            status="finished",
            **totals,
            test_accuracy=last.test_accuracy,
            test_loss=last.test_loss,
            train_accuracy=last.train_accuracy,
            train_loss=last.train_loss,
            generalization_gap=last.generalization_gap,
            best_test_accuracy=best.test_accuracy,
            best_epoch=best.epoch,
            rho=last.rho,
            scores=scores,
        )
