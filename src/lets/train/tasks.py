"""Tasks: how a batch becomes losses, how answers are counted, and how good a network is at them.

Images and sentences are classified, the similarity of two sentences is a regression, translations have a file of
their own. GLUE's scores are told in percent: accuracy, F1, Matthews, Pearson, Spearman.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lets.config.training import Precision
from lets.data.catalogue import describe
from lets.data.loader import Loader
from lets.train.device import ALONE, Ranks, autocast, evaluating

__all__ = [
    "CLASSIFICATION",
    "METRICS",
    "Batch",
    "Evaluation",
    "Forward",
    "Task",
    "evaluate",
    "glue_scores",
    "in_precision",
    "score_names",
    "task_of",
]

Batch = tuple[Tensor, Tensor]
"""inputs and targets; their first dimension is the sample"""
Forward = Callable[..., Tensor]
"""what a network makes of inputs, float32"""


@dataclass(frozen=True)
class Task:
    """`losses(forward, batch, label_smoothing)` gives the loss of each sample [n], to be differentiated.

    `tally(forward, batch)` gives the sum of losses, the right answers and the answers, float64 [3].
    """

    losses: Callable[[Forward, Batch, float], Tensor]
    tally: Callable[[Forward, Batch], Tensor]


def task_of(dataset: str) -> Task:
    """The task of a data set."""
    match describe(dataset).task:
        case "regression":
            return Task(_squared_errors, _tally_regression)
        case "translation":
            from lets.train.translation import losses, tally

            return Task(losses, tally)
    return CLASSIFICATION


def in_precision(network: Forward, precision: Precision, device: torch.device) -> Forward:
    """The forward pass in a precision, its outputs in float32."""

    def forward(*inputs: Tensor) -> Tensor:
        with autocast(precision, device):
            outputs = network(*inputs)
        return outputs.float()

    return forward


def _cross_entropies(forward: Forward, batch: Batch, smoothing: float) -> Tensor:
    inputs, labels = batch
    return cross_entropy(forward(inputs), labels, reduction="none", label_smoothing=smoothing)


def _tally_classes(forward: Forward, batch: Batch) -> Tensor:
    inputs, labels = batch
    logits = forward(inputs)
    loss = cross_entropy(logits, labels, reduction="sum").double()
    return torch.stack([loss, (logits.argmax(1) == labels).sum().double(), _count(labels)])


def _squared_errors(forward: Forward, batch: Batch, smoothing: float) -> Tensor:
    inputs, values = batch
    return (forward(inputs).squeeze(1) - values).square()


def _tally_regression(forward: Forward, batch: Batch) -> Tensor:
    """An answer within ½ of the value counts as right."""
    inputs, values = batch
    errors = forward(inputs).squeeze(1) - values
    return torch.stack([errors.square().sum().double(), (errors.abs() <= 0.5).sum().double(), _count(values)])


def _count(labels: Tensor) -> Tensor:
    return torch.full((), len(labels), dtype=torch.float64, device=labels.device)


CLASSIFICATION = Task(_cross_entropies, _tally_classes)


BATCH_ON_CPU = 500  # fits the cache
PIXELS_ON_GPU = 2**22  # 4,096 images of CIFAR, 83 of ImageNet: enough to keep it busy


@dataclass(frozen=True)
class Evaluation:
    """Mean loss (cross-entropy in nats, without label smoothing) and share of right answers in percent."""

    loss: float
    accuracy: float


def evaluate(
    model: torch.nn.Module,
    batches: Loader,
    precision: Precision = "float32",
    ranks: Ranks = ALONE,
    task: Task = CLASSIFICATION,
) -> Evaluation:
    """Evaluate in eval mode, without augmentation, in a fixed order; the model's mode is restored.

    With several `ranks` each evaluates its part of the data, and all get the result of the whole.
    """
    device = batches.labels.device
    forward = in_precision(model, precision, device)
    # Summed on the device, which the host does not wait for until the end.
    total = torch.zeros(3, dtype=torch.float64, device=device)
    with evaluating(model):
        for batch in batches.plain(_batch_size(device, batches)):
            total += task.tally(forward, batch)
    loss, right, answers = ranks.sum(total).tolist()
    return Evaluation(loss / answers, 100 * right / answers)


def _batch_size(device: torch.device, batches: Loader) -> int:
    return BATCH_ON_CPU if device.type == "cpu" else max(1, PIXELS_ON_GPU // math.prod(batches.size))


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
