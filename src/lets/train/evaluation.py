"""Loss and accuracy of a model on a set of samples, on one device or shared by several."""

import math
from dataclasses import dataclass

import torch
from safetensors.torch import load_file

import lets.models
from lets.data.loader import Loader
from lets.errors import RecordError
from lets.spec import Layout, RunSpec
from lets.spec.paths import WEIGHTS
from lets.spec.training import Precision
from lets.train.data import RunData
from lets.train.device import placed
from lets.train.eval_mode import evaluating
from lets.train.ranks import ALONE, Ranks
from lets.train.tasks import CLASSIFICATION, Task, in_precision, task_of

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


def evaluate_weights(
    spec: RunSpec, layout: Layout, device: str = "cpu"
) -> tuple[float, float, dict[str, float] | None]:
    """Return test loss, test accuracy and scores of a finished run, computed anew from its weights and the data.

    Of images only those that are held out have scores.
    """
    data = RunData.read(spec, layout, torch.device(device))
    model, task = restored_model(spec, layout, data), task_of(spec.dataset)
    evaluation = evaluate(model, data.test, spec.training.precision, task=task)
    return evaluation.loss, evaluation.accuracy, data.scores(model) if data.scores else None


def restored_model(spec: RunSpec, layout: Layout, data: RunData) -> torch.nn.Module:
    """Return the trained model of a finished run on the device of `data`; raises RecordError for damaged weights."""
    model = lets.models.create(spec.architecture, data.classes, data.image)
    path = layout.run_file(spec.id, WEIGHTS)
    try:
        model.load_state_dict(load_file(path))
    except Exception as error:  # what the library raises of a damaged file is listed nowhere
        raise RecordError(f"{path} – are no weights of {spec.architecture} ({error})") from error
    return placed(model, data.test.labels.device, spec.training.channels_last)
