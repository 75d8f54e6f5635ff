"""Eigenvalues and trace against matrices that are written down whole."""

import math

import numpy as np
import pytest
import torch

from lets.analyses.compute.curvature import iterations_for, largest_eigenvalues, trace_samples


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
