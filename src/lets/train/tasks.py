"""What a run learns to do: how a batch becomes losses, and how answers are counted.

Images and sentences are classified, the similarity of two sentences is a regression, translations have a file of
their own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lets.data.catalogue import describe
from lets.spec.training import Precision
from lets.train.device import autocast

__all__ = ["CLASSIFICATION", "Batch", "Forward", "Task", "in_precision", "task_of"]

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
