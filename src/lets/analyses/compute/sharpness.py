"""How sharp a minimum is: Hessian eigenvalues and trace, and m-sharpness at several radii."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from lets.analyses.compute.hessian import Product, largest_eigenvalues, trace_samples
from lets.analyses.compute.objective import Objective
from lets.analyses.sharpness import EIGENVALUE, M_SHARPNESS, TRACE, Measure, mean_of, measures_text
from lets.config import RunSpec, seed_for
from lets.config.paths import Layout
from lets.optim.vectors import reciprocal


def measure_sharpness(
    spec: RunSpec,
    layout: Layout,
    *,
    samples: int,
    m: int,
    radii: Sequence[float],
    eigenvalues: int,
    probes: int,
    device: str,
) -> str:
    """Return the csv of a finished run (`lets.analyses.sharpness`), of its first `samples` training images.

    The random vectors depend on architecture and seed alone: methods are measured with the same ones.
    """
    objective = Objective.of(spec, layout, samples, device)
    generator = torch.Generator().manual_seed(seed_for("sharpness", spec.architecture, spec.seed))
    measures = [*_curvature(objective, eigenvalues, probes, generator), *_rises(objective, m, radii)]
    return measures_text(measures)


def m_sharpness(objective: Objective, m: int, radii: Sequence[float]) -> list[list[float]]:
    """Return for each radius ρ what the loss of each group of `m` images gains: L(θ + ρ g/||g||) - L(θ).

    g is the group's own gradient at θ: the one ascent step of SAM stands for the maximum over the ball
    (Foret et al. 2021, Eq. 2 and §4.1).
    """
    rises = [_group_rises(group, radii) for group in objective.groups(m)]
    return [list(of_radius) for of_radius in zip(*rises, strict=True)]


def _group_rises(group: Objective, radii: Sequence[float]) -> list[float]:
    before, gradient = group.loss(), group.gradient()
    length = reciprocal(_flat(gradient).double().norm()).item()
    rises = []
    with group.moved() as weights:
        for radius in radii:
            group.move(torch._foreach_add(weights, gradient, alpha=radius * length))
            rises.append(group.loss() - before)
    return rises


def _rises(objective: Objective, m: int, radii: Sequence[float]) -> Iterator[Measure]:
    for radius, values in zip(radii, m_sharpness(objective, m, radii), strict=True):
        yield mean_of(M_SHARPNESS, radius, values)


def _curvature(
    objective: Objective, count: int, probes: int, generator: torch.Generator
) -> Iterator[Measure]:
    product = _hessian(objective)
    like = _flat(objective.weights)
    start = torch.randn(like.shape, generator=generator).to(like)
    found, iterations = largest_eigenvalues(product, start, count)
    for rank, one in enumerate(found, start=1):
        yield Measure(EIGENVALUE, rank, one.value, one.residual, iterations)
    yield mean_of(TRACE, 0, list(trace_samples(product, like, probes, generator)))


def _hessian(objective: Objective) -> Product:
    """The product for flat vectors."""
    sizes = [weight.numel() for weight in objective.weights]

    def times(vector: Tensor) -> Tensor:
        parts = zip(torch.split(vector, sizes), objective.weights, strict=True)
        return _flat(objective.hessian_times([part.view_as(weight) for part, weight in parts]))

    return times


def _flat(vector: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.detach().flatten() for part in vector])
