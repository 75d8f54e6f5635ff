"""metrics.json, the numbers of a finished run; and of every number name, unit, digits to print, which way is better.

The file has deterministic content only, so equal runs have equal bytes.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lets.errors import RecordError
from lets.runs.history import LARGEST, HistoryRow

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
Count = Annotated[int, Field(ge=0, le=2**53)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
RESULTS = (
    "test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "generalization_gap",
    "best_test_accuracy",
    "best_epoch",
    "rho",
)
"""what a finished run has and a diverged one lacks"""


class Divergence(BaseModel):
    """Where a training stopped being finite."""

    model_config = STRICT

    step: Count
    rho: Number | None
    """None if it is not finite either; `norms` has it then"""
    norms: dict[str, str]
    """quantity → its value as text, since JSON knows no NaN"""


class Metrics(BaseModel):
    """metrics.json: written last, the mark of a finished run. Accuracies in percent, losses in nats."""

    model_config = STRICT

    run: str
    status: Literal["finished", "diverged"]
    epochs: Count
    steps: Count
    passes: Count
    """forward-backward passes spent"""
    perturbed_steps: Count
    test_accuracy: Number | None = None
    test_loss: Number | None = None
    train_accuracy: Number | None = None
    train_loss: Number | None = None
    generalization_gap: Number | None = None
    """test loss minus training loss (paper §4.1)"""
    best_test_accuracy: Number | None = None
    best_epoch: Count | None = None
    rho: Number | None = None
    """radius after the last step"""
    scores: dict[str, Number] | None = None
    """what else the final weights reach, in percent: of texts every metric of the data set, of images the accuracy
    on those held out"""
    divergence: Divergence | None = None

    @model_validator(mode="after")
    def _is_what_its_status_says(self) -> "Metrics":
        results = [getattr(self, name) for name in RESULTS]
        if self.status == "finished" and (None in results or self.divergence or not self.steps):
            raise ValueError("is said to be finished, and has no steps, no results or a divergence")
        if self.status == "diverged" and (any(one is not None for one in results) or not self.divergence):
            raise ValueError("is said to have diverged, and has results or no divergence")
        return self

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


@dataclass(frozen=True)
class Quantity:
    """A measured quantity; `better` is None where neither more nor less is an achievement."""

    title: str
    unit: str = ""
    decimals: int = 2
    better: Literal["higher", "lower"] | None = None
    positive: bool = False
    """spans orders of magnitude and is never zero or below: may be drawn on a logarithmic axis"""

    @property
    def label(self) -> str:
        """Title and unit, as an axis carries it: `Test accuracy (%)`."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


SCORES = {
    "accuracy": "Accuracy",
    "accuracy_mismatched": "Accuracy on mismatched genres",
    "bleu": "BLEU",
    "sacrebleu": "SacreBLEU",
    "matthews": "Matthews correlation",
    "f1": "F1",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "held_out_accuracy": "Accuracy on held-out images",
}
"""metrics of texts, and of images that are held out, all in percent"""

QUANTITIES = {
    "test_accuracy": Quantity("Test accuracy", "%", 2, "higher"),
    "best_test_accuracy": Quantity("Test accuracy of the best epoch", "%", 2, "higher"),
    "train_accuracy": Quantity("Training accuracy", "%", 2, "higher"),
    "test_loss": Quantity("Test loss", "nats", 3, "lower", True),
    "train_loss": Quantity("Training loss", "nats", 3, "lower", True),
    "loss": Quantity("Mini-batch training loss", "nats", 3, "lower", True),
    "generalization_gap": Quantity("Generalization gap", "nats", 3, "lower"),
    "rho": Quantity("Perturbation radius ρ", "", 4, positive=True),
    "lr": Quantity("Learning rate η", "", 4, positive=True),
    **{name: Quantity(title, "%", 2, "higher") for name, title in SCORES.items() if name != "accuracy"},
    "score": Quantity("Test score", "%", 2, "higher"),
}
"""by the name that params files use"""

ACCURACIES = ("test_accuracy", "best_test_accuracy")
"""what the numbers of the paper's tables can be compared with"""
