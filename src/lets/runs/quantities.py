"""What the numbers of metrics.json and history.csv are: name, unit, digits to print, which way is better."""

from dataclasses import dataclass
from typing import Literal


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
}
"""by the name that params files use"""


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


QUANTITIES |= {
    name: Quantity(title, "%", 2, "higher") for name, title in SCORES.items() if name != "accuracy"
} | {"score": Quantity("Test score", "%", 2, "higher")}


ACCURACIES = ("test_accuracy", "best_test_accuracy")
"""what the numbers of the paper's tables can be compared with"""
