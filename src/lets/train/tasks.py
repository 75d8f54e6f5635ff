"""What a run learns to do: how a batch becomes losses, how answers are counted, and how good a network is at it.

Images and sentences are classified, the similarity of two sentences is a regression, translations have a file of
their own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lets.config.training import Precision
from lets.data.catalogue import describe
from lets.data.loader import Loader
from lets.train.device import ALONE, Ranks, autocast, evaluating

__all__ = ["CLASSIFICATION", "Batch", "Evaluation", "Forward", "Task", "evaluate", "in_precision", "task_of"]

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
