"""The training loss on a plane through the final weights (paper §4.7, Figures 5 and 8).

Two random directions, scaled filter by filter to the norm of the weights (Li et al., 2018), so that flatness
does not depend on the scale of a layer. They are made orthogonal filter by filter as well: made so over all
weights at once, as is common, they would lose it when their filters are scaled.
"""

import torch
from torch import Tensor

from lets.analyses.compute.objective import Objective
from lets.analyses.landscape import Point, points_text
from lets.config import RunSpec, seed_for
from lets.config.paths import Layout

Direction = list[Tensor]


def loss_landscape(
    spec: RunSpec, layout: Layout, *, points: int, extent: float, samples: int, device: str
) -> str:
    """Return the csv (`lets.analyses.landscape`) of a points × points grid over [-extent, extent]², b fastest.

    The loss is the mean cross-entropy (nats, eval mode) of the first `samples` training images; the
    directions depend on architecture and seed alone, so methods are shown on comparable planes.
    """
    objective = Objective.of(spec, layout, samples, device)
    axis = [extent * (2 * index / (points - 1) - 1) for index in range(points)]  # exactly 0 in the middle
    grid = []
    with objective.moved() as weights:
        one, two = _directions(weights, seed_for("landscape", spec.architecture, spec.seed))
        for a in axis:
            for b in axis:
                places = zip(weights, one, two, strict=True)
                objective.move([weight + a * d + b * e for weight, d, e in places])
                grid.append(Point(a, b, objective.loss()))
    return points_text(grid)


def _directions(weights: Direction, seed: int) -> tuple[Direction, Direction]:
    """Two Gaussian directions; each filter of both has the norm of the weights', and they are orthogonal in it."""
    generator = torch.Generator().manual_seed(seed)
    one, two = ([torch.randn(w.shape, generator=generator).to(w) for w in weights] for _ in range(2))
    return _filter_normalised(one, weights), _filter_normalised(
        [_without(e, d) for d, e in zip(one, two, strict=True)], weights
    )


def _filter_normalised(direction: Direction, weights: Direction) -> Direction:
    """Give every filter (row of a weight) the norm of its weights.

    Biases, norm parameters and filters of a single number stay put: there is no plane in them.
    """
    return [_scaled(d, w) for d, w in zip(direction, weights, strict=True)]


def _scaled(direction: Tensor, weight: Tensor) -> Tensor:
    if weight.dim() < 2 or weight[0].numel() < 2:
        return torch.zeros_like(weight)
    return direction * _row_norms(weight) / _row_norms(direction)


def _without(direction: Tensor, other: Tensor) -> Tensor:
    """The part of each filter that is orthogonal to the other's."""
    if direction.dim() < 2:
        return direction
    flat, unit = direction.flatten(1).double(), other.flatten(1).double()
    overlap = (flat * unit).sum(1, keepdim=True) / unit.square().sum(1, keepdim=True)
    return (flat - overlap * unit).view_as(direction).to(direction)


def _row_norms(tensor: Tensor) -> Tensor:
    norms: Tensor = tensor.flatten(1).norm(dim=1).clamp_min(1e-12)
    return norms.view(-1, *[1] * (tensor.dim() - 1))
