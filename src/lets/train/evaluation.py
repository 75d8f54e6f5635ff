"""Loss and accuracy of a model on a set of images, on one device or shared by several."""

import math
from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

import lets.models
from lets.data.loader import Loader
from lets.spec import Layout, RunSpec
from lets.spec.training import Precision
from lets.train.data import RunData
from lets.train.device import autocast, placed
from lets.train.ranks import ALONE, Ranks

BATCH_ON_CPU = 500  # fits the cache
PIXELS_ON_GPU = 2**22  # 4,096 images of CIFAR, 83 of ImageNet: enough to keep it busy


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats (no label smoothing) and accuracy in percent."""

    loss: float
    accuracy: float


@torch.no_grad()
def evaluate(
    model: torch.nn.Module,
    batches: Loader,
    precision: Precision = "float32",
    ranks: Ranks = ALONE,
) -> Evaluation:
    """Evaluate in eval mode, without augmentation, in the order of the data; the model's mode is restored.

    With several `ranks` each evaluates its part of the data, and all get the result of the whole.
    """
    training, device = model.training, batches.labels.device
    model.eval()
    # Summed on the device, which the host does not wait for until the end.
    loss, correct, count = torch.zeros(3, dtype=torch.float64, device=device).unbind()
    for images, labels in batches.plain(_batch_size(device, batches)):
        with autocast(precision, device):
            logits = model(images).float()
        loss += cross_entropy(logits, labels, reduction="sum").double()
        correct += (logits.argmax(1) == labels).sum()
        count += len(labels)
    model.train(training)
    total = ranks.sum(torch.stack([loss, correct, count]))
    loss_sum, hits, samples = total.tolist()
    return Evaluation(loss_sum / samples, 100 * hits / samples)


def _batch_size(device: torch.device, batches: Loader) -> int:
    return BATCH_ON_CPU if device.type == "cpu" else max(1, PIXELS_ON_GPU // math.prod(batches.size))


def evaluate_weights(spec: RunSpec, layout: Layout, device: str = "cpu") -> tuple[float, float]:
    """Return test loss and test accuracy of a finished run, computed anew from its weights and the data."""
    data = RunData.read(spec, layout, torch.device(device))
    evaluation = evaluate(restored_model(spec, layout, data), data.test, spec.training.precision)
    return evaluation.loss, evaluation.accuracy


def restored_model(spec: RunSpec, layout: Layout, data: RunData) -> torch.nn.Module:
    """Return the trained model of a finished run on the device of `data`."""
    model = lets.models.create(spec.architecture, data.classes, data.image)
    model.load_state_dict(load_file(layout.run_file(spec.id, "weights.safetensors")))
    return placed(model, data.test.labels.device, spec.training.channels_last)
