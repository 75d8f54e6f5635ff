"""Loss and accuracy of a model on a set of images."""

from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

import lets.models
from lets.data.batches import Batches
from lets.spec import Layout, RunSpec
from lets.train.data import RunData

BATCH = 500


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats (no label smoothing) and accuracy in percent."""

    loss: float
    accuracy: float


@torch.no_grad()
def evaluate(model: torch.nn.Module, batches: Batches) -> Evaluation:
    """Evaluate in eval mode, without augmentation, in the order of the data; the model's mode is restored."""
    training, count = model.training, 0
    model.eval()
    loss = torch.zeros((), dtype=torch.float64, device=batches.labels.device)
    correct = torch.zeros((), dtype=torch.int64, device=batches.labels.device)
    for images, labels in batches.plain(BATCH):
        logits = model(images)
        loss += cross_entropy(logits, labels, reduction="sum").double()
        correct += (logits.argmax(1) == labels).sum()
        count += len(labels)
    model.train(training)
    return Evaluation(loss.item() / count, 100 * correct.item() / count)


def evaluate_weights(spec: RunSpec, layout: Layout, device: str = "cpu") -> tuple[float, float]:
    """Return test loss and test accuracy of a finished run, computed anew from its weights and the data."""
    data = RunData.read(spec, layout, torch.device(device))
    evaluation = evaluate(restored_model(spec, layout, data), data.test)
    return evaluation.loss, evaluation.accuracy


def restored_model(spec: RunSpec, layout: Layout, data: RunData) -> torch.nn.Module:
    """Return the trained model of a finished run on the device of `data`."""
    model = lets.models.create(spec.architecture, data.classes, data.image)
    model.load_state_dict(load_file(layout.run_file(spec.id, "weights.safetensors")))
    return model.to(data.test.labels.device)
