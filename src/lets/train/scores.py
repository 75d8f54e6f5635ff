"""How good predictions of a text task are, in percent: accuracy, F1, Matthews, Pearson, Spearman."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from torch import Tensor

from lets.data.catalogue import describe

__all__ = ["METRICS", "glue_scores", "score_names"]

Numbers = npt.NDArray[np.float64]


def _accuracy(predicted: Numbers, true: Numbers) -> float:
    return float((predicted == true).mean())


def _f1(predicted: Numbers, true: Numbers) -> float:
    """The harmonic mean of precision and recall of class 1; 0 if nobody ever says 1."""
    hits, said, there = (predicted * true).sum(), predicted.sum(), true.sum()
    return float(2 * hits / (said + there)) if said + there else 0.0


def _correlation(predicted: Numbers, true: Numbers) -> float:
    """Pearson's correlation; of two classes 0 and 1 it is Matthews'. 0 if either side is constant."""
    x, y = predicted - predicted.mean(), true - true.mean()
    # Rounding leaves a constant a tiny deviation from its own mean: asked of the numbers, not of their spread.
    if np.ptp(predicted) == 0 or np.ptp(true) == 0:
        return 0.0
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1, 1))


def _spearman(predicted: Numbers, true: Numbers) -> float:
    from scipy.stats import rankdata  # half a second that only similarity is worth

    return _correlation(rankdata(predicted), rankdata(true))


METRICS: dict[str, Callable[[Numbers, Numbers], float]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "matthews": _correlation,
    "pearson": _correlation,
    "spearman": _spearman,
}
"""metric → function of predictions and true labels, [N] each: classes, or scores of a regression"""

_BESIDE = {"cola": ("accuracy",), "mrpc": ("f1",), "qqp": ("f1",), "stsb": ("spearman",)}
"""data set → what GLUE reports of it beside the metric of the catalogue"""


def score_names(dataset: str) -> tuple[str, ...]:
    """The metrics of a data set of GLUE, the one of the catalogue first."""
    return (describe(dataset).metric, *_BESIDE.get(dataset, ()))


def glue_scores(dataset: str, outputs: Tensor, labels: Tensor) -> dict[str, float]:
    """Return every score of a data set of GLUE by name, in percent.

    `outputs` [N, classes] are logits, or [N, 1] scores of a regression; `labels` [N]. Predictions that are
    all the same correlate with nothing: Matthews, Pearson and Spearman are 0 then. F1 is that of class 1.
    """
    regression = describe(dataset).task == "regression"
    predicted = outputs.squeeze(1) if regression else outputs.argmax(1)
    both = (predicted.double().cpu().numpy(), labels.double().cpu().numpy())
    return {name: 100 * METRICS[name](*both) for name in score_names(dataset)}
