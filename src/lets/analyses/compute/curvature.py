"""How sharp a minimum is: the largest eigenvalues and the trace of the Hessian, and m-sharpness at several radii.

The Hessian is known by its products with vectors alone. Those are flat and of the precision of the products; everything
between two products is float64.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lets.analyses.compute.objective import Objective
from lets.analyses.sharpness import EIGENVALUE, M_SHARPNESS, TRACE, Measure, mean_of, measures_text
from lets.config import RunSpec, seed_for
from lets.config.paths import Layout
from lets.optim.vectors import reciprocal

Product = Callable[[Tensor], Tensor]
"""v → H v"""


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


def iterations_for(count: int) -> int:
    """How many products Lanczos spends on `count` eigenvalues, before one more each for their residuals."""
    return 10 + 5 * count


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue, with the residual ||Hv - λv|| / |λ| of its unit eigenvector, recomputed with a product.

    Some eigenvalue lies within that distance, relative to λ; a well separated one within its square.
    """

    value: float
    residual: float


def largest_eigenvalues(product: Product, start: Tensor, count: int) -> tuple[list[Eigenvalue], int]:
    """Return the `count` algebraically largest eigenvalues, largest first, and the iterations they took.

    Lanczos (1950) from `start`, every new vector made orthogonal to all others, twice: without that,
    eigenvalues come out several times. Fewer iterations, and eigenvalues, where the space has no more
    dimensions. Where a product is not finite, so are the eigenvalues.
    """
    basis, matrix = _lanczos(product, start, iterations_for(count))
    if not matrix.isfinite().all():
        return [Eigenvalue(float("nan"), float("nan"))] * count, len(basis)
    values, vectors = torch.linalg.eigh(matrix)
    found = []
    for place in reversed(range(max(0, len(values) - count), len(values))):
        vector = _combined(basis, vectors[:, place])
        value = values[place].item()
        off = product(vector).double() - value * vector.double()
        found.append(Eigenvalue(value, off.norm().item() / abs(value) if value else float("nan")))
    return found, len(basis)


def trace_samples(product: Product, like: Tensor, probes: int, generator: torch.Generator) -> Iterator[float]:
    """Yield z · Hz for `probes` vectors z of random signs; their mean estimates the trace (Hutchinson 1990)."""
    for _ in range(probes):
        signs = torch.randint(0, 2, like.shape, generator=generator) * 2 - 1
        z = signs.to(like)
        yield _dot(z, product(z))


def _lanczos(product: Product, start: Tensor, iterations: int) -> tuple[list[Tensor], Tensor]:
    """An orthonormal basis of the Krylov space of `start`, and the matrix in it, which is tridiagonal."""
    basis: list[Tensor] = []
    diagonal: list[float] = []
    beside: list[float] = []
    following, length = start.double(), _norm(start)
    for _ in range(min(iterations, start.numel())):
        basis.append((following / length).to(start))
        following = product(basis[-1]).double()
        diagonal.append(_dot(basis[-1], following))
        for _ in range(2):
            for other in basis:
                following -= _dot(other, following) * other.double()
        length = _norm(following)
        beside.append(length)
        if not length > 0:  # the space is exhausted, or a number is not finite
            break
    off = torch.tensor(beside[: len(basis) - 1], dtype=torch.float64)
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    return basis, matrix + torch.diag(off, 1) + torch.diag(off, -1)


def _combined(basis: list[Tensor], weights: Tensor) -> Tensor:
    total = torch.zeros_like(basis[0], dtype=torch.float64)
    for vector, weight in zip(basis, weights.tolist(), strict=True):
        total += weight * vector.double()
    unit: Tensor = (total / total.norm()).to(basis[0])
    return unit


def _dot(a: Tensor, b: Tensor) -> float:
    return float(a.double() @ b.double())


def _norm(vector: Tensor) -> float:
    return float(vector.double().norm())
