"""The training loss on a plane through the final weights (paper §4.7, Figures 5 and 8).

Two random directions, made orthogonal as the paper's figures follow ESAM's, and scaled filter by filter
to the norm of the weights (Li et al., 2018), so that flatness does not depend on the scale of a layer.
"""

import csv
import io

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lets.spec import Layout, RunSpec, seed_for
from lets.train.data import RunData
from lets.train.evaluation import restored_model

Direction = list[Tensor]


@torch.no_grad()
def loss_landscape(
    spec: RunSpec, layout: Layout, *, points: int, extent: float, samples: int, device: str
) -> str:
    """Return the csv `a,b,loss` of a points × points grid over [-extent, extent]², b running fastest.

    The loss is the mean cross-entropy (nats, eval mode) of the first `samples` training images; the
    directions depend on architecture and seed alone, so methods are shown on comparable planes.
    """
    data = RunData.read(spec, layout, torch.device(device))
    model = restored_model(spec, layout, data).eval()
    images, labels = next(data.train.plain(samples))
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    one, two = _directions(weights, seed_for("landscape", spec.architecture, spec.seed))
    axis = [extent * (2 * index / (points - 1) - 1) for index in range(points)]  # exactly 0 in the middle
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["a", "b", "loss"])
    for a in axis:
        for b in axis:
            for parameter, weight, d, e in zip(model.parameters(), weights, one, two, strict=True):
                parameter.copy_(weight + a * d + b * e)
            writer.writerow([repr(a), repr(b), repr(cross_entropy(model(images), labels).item())])
    return buffer.getvalue()


def _directions(weights: Direction, seed: int) -> tuple[Direction, Direction]:
    """Two Gaussian directions, orthogonal over all parameters jointly, then scaled filter by filter."""
    generator = torch.Generator().manual_seed(seed)
    one, two = ([torch.randn(w.shape, generator=generator).to(w) for w in weights] for _ in range(2))
    overlap = _dot(one, two) / _dot(one, one)
    two = [e - overlap * d for d, e in zip(one, two, strict=True)]
    return _filter_normalised(one, weights), _filter_normalised(two, weights)


def _filter_normalised(direction: Direction, weights: Direction) -> Direction:
    """Give every filter (row of a weight) the norm of its weights; biases and norm parameters stay put."""
    return [_scaled(d, w) for d, w in zip(direction, weights, strict=True)]


def _scaled(direction: Tensor, weight: Tensor) -> Tensor:
    if weight.dim() < 2:
        return torch.zeros_like(weight)
    return direction * _row_norms(weight) / _row_norms(direction)


def _row_norms(tensor: Tensor) -> Tensor:
    norms: Tensor = tensor.flatten(1).norm(dim=1).clamp_min(1e-12)
    return norms.view(-1, *[1] * (tensor.dim() - 1))


def _dot(one: Direction, two: Direction) -> Tensor:
    return torch.stack([(d * e).sum() for d, e in zip(one, two, strict=True)]).sum()
