"""How sharp a minimum is: closed forms, LAPACK, straight lines in float64, and a trained run left alone."""

import math
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

import lets.analyses.compute.objective
import lets.models
from lets.analyses.compute import measure_sharpness
from lets.analyses.compute.curvature import (
    _hessian,
    iterations_for,
    largest_eigenvalues,
    m_sharpness,
    trace_samples,
)
from lets.analyses.compute.objective import Objective
from lets.analyses.sharpness import Measure
from lets.config import seed_for
from lets.data.dataset import read_processed
from lets.data.noisy_labels import make_noisy_labels, write_noisy_labels
from lets.files import sha256_file
from lets.runs.rows import parse_rows
from lets.train import train_run


def symmetric(eigenvalues: list[float], seed: int = 0) -> torch.Tensor:
    """A matrix with these eigenvalues and random eigenvectors."""
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))[0]
    return torch.from_numpy(rotation @ np.diag(eigenvalues) @ rotation.T)


def start(size: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def largest(matrix: torch.Tensor, count: int):
    return largest_eigenvalues(lambda v: matrix @ v, start(len(matrix)), count)


def test_a_spectrum_like_that_of_a_network() -> None:
    """A few large ones, a bulk near zero, some negative; compared with LAPACK on the whole matrix."""
    bulk = np.random.default_rng(3).normal(scale=0.05, size=190)
    matrix = symmetric([10, 6, 5.9, 3, 2, 1, -4, *bulk])
    found, iterations = largest(matrix, 5)
    assert iterations == iterations_for(5) == 35
    expected = np.linalg.eigvalsh(matrix.numpy())[::-1][:5]
    assert [one.value for one in found] == pytest.approx(list(expected), rel=1e-10)
    assert all(one.residual < 1e-6 for one in found)


def test_the_residual_tells_what_has_not_converged() -> None:
    """An even spectrum has no outliers that 35 iterations could find."""
    matrix = symmetric(list(np.linspace(0, 1, 400)))
    found, _ = largest(matrix, 5)
    true = np.linalg.eigvalsh(matrix.numpy())
    assert 1e-4 < found[-1].residual < 0.1
    for one in found:
        assert np.abs(true - one.value).min() <= one.residual * one.value


def test_negative_eigenvalues_are_not_the_largest_however_large() -> None:
    found, _ = largest(symmetric([-9, 2, 1, 0.5]), 2)
    assert [one.value for one in found] == pytest.approx([2, 1])


def test_one_eigenvalue_alone() -> None:
    (one,) = largest(symmetric([3, 1, 0.2, 0.1]), 1)[0]
    assert one.value == pytest.approx(3)


def test_no_more_eigenvalues_than_dimensions() -> None:
    found, iterations = largest(symmetric([3, 2, 1]), 5)
    assert [one.value for one in found] == pytest.approx([3, 2, 1])
    assert iterations == 3


def test_orthogonal_to_the_last_in_float32() -> None:
    """Without the second sweep of Gram-Schmidt, 10 would come out more than once."""
    matrix = symmetric([10, 2, 1, *[1e-3] * 97]).float()
    found, _ = largest_eigenvalues(lambda v: matrix @ v, start(100).float(), 3)
    assert [one.value for one in found] == pytest.approx([10, 2, 1], rel=1e-5)


def test_what_is_not_finite_gives_no_number() -> None:
    found, _ = largest(torch.full((4, 4), math.nan, dtype=torch.float64), 2)
    assert len(found) == 2
    assert all(math.isnan(one.value) and math.isnan(one.residual) for one in found)


def test_the_zero_matrix() -> None:
    found, _ = largest(torch.zeros(4, 4, dtype=torch.float64), 2)
    assert found[0].value == 0
    assert math.isnan(found[0].residual)


def test_hutchinson_by_hand() -> None:
    matrix = symmetric([4, 2, -1, 0.5, 0.1])
    generator = torch.Generator().manual_seed(7)
    found = list(trace_samples(lambda v: matrix @ v, start(5), 6, generator))
    bits = torch.Generator().manual_seed(7)
    for sample in found:
        z = (torch.randint(0, 2, (5,), generator=bits) * 2 - 1).numpy().astype(float)
        assert set(z) <= {-1.0, 1.0}
        assert sample == pytest.approx(z @ matrix.numpy() @ z)


def test_hutchinson_is_exact_for_a_diagonal_matrix() -> None:
    matrix = torch.diag(torch.tensor([3.0, 2.0, 1.5], dtype=torch.float64))
    samples = trace_samples(lambda v: matrix @ v, start(3), 3, torch.Generator().manual_seed(0))
    assert list(samples) == [6.5] * 3


def test_hutchinson_is_unbiased() -> None:
    matrix = symmetric(list(np.random.default_rng(5).normal(size=30)))
    samples = np.array(
        list(trace_samples(lambda v: matrix @ v, start(30), 2000, torch.Generator().manual_seed(0)))
    )
    error = samples.std(ddof=1) / len(samples) ** 0.5
    assert abs(samples.mean() - float(matrix.trace())) < 3 * error
    assert error < 0.3


SETTINGS = {"samples": 100, "m": 25, "radii": [0.02, 0.3], "eigenvalues": 3, "probes": 4, "device": "cpu"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of one epoch: its spec, its layout and its analysis."""
    from tests.unit.conftest import layout, make_run

    place = layout.__wrapped__(tmp_path_factory.mktemp("trained"))
    spec = make_run.__wrapped__()("sam", epochs=1)
    train_run(spec, place, "cpu", 1, lambda row: None)
    return spec, place, measure_sharpness(spec, place, **SETTINGS)


def measures(trained) -> dict[tuple[str, float], Measure]:
    return {(one.quantity, one.at): one for one in parse_rows(Measure, trained[2])}


def straight(trained):
    """Model in float64, its parameters, images and labels, without our loaders."""
    spec, layout, _ = trained
    model = lets.models.create(spec.architecture, 10, (1, 8, 8))
    model.load_state_dict(load_file(layout.run_file(spec.id, "weights.safetensors")))
    train = read_processed(layout.arrays("digits")).train
    images = (train.images[:100].double() / 255 - 0.2873) / 0.3542
    return model.double().eval(), images, train.labels[:100]


class Quadratic:
    """L = θᵀAθ/2 with θ = (1, 2), one group."""

    a = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)

    def __init__(self) -> None:
        self.theta = torch.tensor([1.0, 2.0], dtype=torch.float64)
        self.weights = [self.theta]

    def groups(self, size):
        return [self]

    def loss(self):
        return (self.theta @ self.a @ self.theta / 2).item()

    def gradient(self):
        return [self.a @ self.theta]

    @contextmanager
    def moved(self):
        yield [self.theta.clone()]

    def move(self, weights):
        self.theta.copy_(weights[0])


def test_a_quadratic_rises_by_its_slope_and_its_curvature() -> None:
    """g = (5, 5): along (1, 1)/√2 the slope is 5√2 and the curvature (3 + 1 + 1 + 2)/2."""
    found = m_sharpness(Quadratic(), 1, [0.1, 2.0])
    expected = [[rho * 5 * 2**0.5 + rho**2 * 3.5 / 2] for rho in (0.1, 2.0)]
    assert found == [pytest.approx(one) for one in expected]


def test_at_a_stationary_point_nothing_climbs() -> None:
    flat = Quadratic()
    flat.theta.zero_()
    assert m_sharpness(flat, 1, [0.5]) == [[0.0]]


def test_m_sharpness_by_a_straight_line(trained) -> None:
    model, images, labels = straight(trained)
    parameters = list(model.parameters())
    before = [p.detach().clone() for p in parameters]
    for radius in SETTINGS["radii"]:
        rises = []
        for first in range(0, 100, 25):
            x, y = images[first : first + 25], labels[first : first + 25]
            start = cross_entropy(model(x), y)
            gradient = torch.autograd.grad(start, parameters)
            length = torch.sqrt(sum((g**2).sum() for g in gradient))
            with torch.no_grad():
                for p, w, g in zip(parameters, before, gradient, strict=True):
                    p.copy_(w + radius * g / length)
                rises.append((cross_entropy(model(x), y) - start).item())
                for p, w in zip(parameters, before, strict=True):
                    p.copy_(w)
        found = measures(trained)["m-sharpness", radius]
        assert found.value == pytest.approx(np.mean(rises), rel=1e-4)
        assert found.error == pytest.approx(np.std(rises, ddof=1) / 2, rel=1e-3)
        assert found.n == 4
        assert found.value > 0


def product(model, images, labels, vector):
    """H v in float64, by differentiating g · v."""
    parameters = list(model.parameters())
    gradient = torch.autograd.grad(cross_entropy(model(images), labels), parameters, create_graph=True)
    slope = torch.cat([g.flatten() for g in gradient]) @ vector
    return torch.cat([h.flatten() for h in torch.autograd.grad(slope, parameters)])


def test_the_largest_eigenvalues_by_subspace_iteration(trained) -> None:
    """Another algorithm, in float64: it takes seven times the products to the same numbers."""
    model, images, labels = straight(trained)
    size = sum(p.numel() for p in model.parameters())
    space = np.linalg.qr(np.random.default_rng(0).normal(size=(size, 7)))[0]
    for _ in range(25):
        image = np.stack(
            [product(model, images, labels, torch.from_numpy(v)).numpy() for v in space.T.copy()], 1
        )
        values = np.linalg.eigvalsh(space.T @ image)
        space = np.linalg.qr(image)[0]
    found = [measures(trained)["eigenvalue", rank] for rank in (1, 2, 3)]
    assert [one.value for one in found] == pytest.approx(sorted(values)[::-1][:3], rel=1e-3)
    assert all(one.error < 1e-3 for one in found)
    assert {one.n for one in found} == {25}


def test_the_trace_by_hutchinson_by_hand(trained) -> None:
    """The stream of random numbers gives the start of Lanczos first, then the signs."""
    spec, _, _ = trained
    model, images, labels = straight(trained)
    size = sum(p.numel() for p in model.parameters())
    generator = torch.Generator().manual_seed(seed_for("sharpness", spec.architecture, spec.seed))
    torch.randn(size, generator=generator)
    values = []
    for _ in range(4):
        z = (torch.randint(0, 2, (size,), generator=generator) * 2 - 1).double()
        values.append((z @ product(model, images, labels, z)).item())
    found = measures(trained)["trace", 0]
    assert found.value == pytest.approx(np.mean(values), rel=1e-4)
    assert found.error == pytest.approx(np.std(values, ddof=1) / 2, rel=1e-3)
    assert found.n == 4


def test_the_flat_product_is_the_hessian_of_a_small_net_whole() -> None:
    """Top eigenvalues and trace of a whole Hessian, by LAPACK."""
    from tests.unit.analyses.test_objective import network, objective, whole

    from lets.analyses.compute.curvature import largest_eigenvalues, trace_samples

    problem = objective(network())
    loss, at = whole(problem)
    hessian = torch.autograd.functional.hessian(loss, at)
    times = _hessian(problem)
    found, _ = largest_eigenvalues(times, torch.ones_like(at), 4)
    expected = np.linalg.eigvalsh(hessian.numpy())[::-1][:4]
    assert [one.value for one in found] == pytest.approx(list(expected), rel=1e-8)
    samples = list(trace_samples(times, at, 400, torch.Generator().manual_seed(0)))
    error = np.std(samples, ddof=1) / 20
    assert abs(np.mean(samples) - hessian.trace().item()) < 3 * error


def test_the_run_is_left_alone_and_the_bytes_come_again(trained) -> None:
    spec, layout, text = trained
    weights = layout.run_file(spec.id, "weights.safetensors")
    before = sha256_file(weights)
    assert measure_sharpness(spec, layout, **SETTINGS) == text
    assert sha256_file(weights) == before


def test_methods_are_measured_with_the_same_random_vectors(trained) -> None:
    spec = trained[0]
    seed = seed_for("sharpness", spec.architecture, spec.seed)
    assert seed == seed_for("sharpness", spec.model_copy(update={"method": "erm"}).architecture, spec.seed)
    assert seed != seed_for("landscape", spec.architecture, spec.seed)


@pytest.mark.parametrize("samples", [10, 14, 1437])
def test_as_many_images_as_asked_for(trained, monkeypatch: pytest.MonkeyPatch, samples: int) -> None:
    spec, layout, _ = trained
    monkeypatch.setattr(lets.analyses.compute.objective, "IMAGES", 7)
    found = Objective.of(spec, layout, samples, "cpu")
    assert len(found.images) == samples
    assert torch.equal(found.labels, read_processed(layout.arrays("digits")).train.labels[:samples])


def test_noisy_labels_are_those_trained_on(layout, make_run) -> None:
    """The labels of the noise file, not the true ones."""
    spec = make_run("sam", epochs=1).model_copy(update={"noise": "symmetric-40"})
    true = read_processed(layout.arrays("digits")).train.labels
    labels, card = make_noisy_labels(
        true, dataset="digits", noise="symmetric-40", rate=0.4, exclude_true=False, classes=10, seed=3
    )
    paths = layout.labels("digits", "symmetric-40"), layout.noise_card("digits", "symmetric-40")
    write_noisy_labels(labels, card, *paths)
    train_run(spec, layout, "cpu", 1, lambda row: None)
    measured = Objective.of(spec, layout, 300, "cpu")
    assert torch.equal(measured.labels, labels[:300])
    assert not torch.equal(measured.labels, true[:300])
    assert len(measured.images) == 300
