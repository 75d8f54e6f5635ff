"""The learned radius: its optimizer, its bounds, its decay; and the coupled one at the ends of its range."""

import warnings
from math import exp, log

import pytest
import torch

import lets


def test_adam_on_nu_is_torchs_adam(quadratic):
    problem = quadratic("lets-sam", rho=0.5, rho_lr=0.05)
    nu = torch.tensor(0.5, dtype=torch.float64).log().requires_grad_()
    adam = torch.optim.Adam([nu], lr=0.05, betas=(0.9, 0.999), eps=1e-8)
    for _ in range(5):
        stats = problem.step()
        nu.grad = 0.1 * stats.hypergradient * stats.rho
        adam.step()
        assert problem.method.rho == pytest.approx(nu.exp().item(), rel=1e-12)


def test_the_learning_rate_is_the_current_one(quadratic):
    problem = quadratic("lets-sam", rho=0.5, rho_lr=0.01, rho_optimizer="sgd", parametrization="raw", lr=0.1)
    torch.optim.lr_scheduler.LambdaLR(problem.optimizer, lambda t: 0.5)
    stats = problem.step()
    assert problem.method.rho == pytest.approx(0.5 - 0.01 * 0.05 * stats.hypergradient.item(), rel=1e-12)


def test_a_radius_that_has_not_moved_is_exact(network):
    for rho in (0.05, 0.1, 0.3, 1.0):
        model = network()
        method = lets.create("lets-sam", model, torch.optim.SGD(model.parameters(), lr=0.1), rho=rho)
        assert method.rho == rho
        assert isinstance(method.rho, float)


def test_decay_multiplies_the_step_size(quadratic):
    problem = quadratic("lets-sam", rho=0.5, rho_lr=0.01, rho_decay=0.1)
    problem.step()
    first = problem.method.rho
    problem.method.end_epoch()
    assert first == pytest.approx(0.5 * exp(0.01), rel=1e-9)
    problem.step()
    assert abs(problem.method.rho / first - 1) < 0.0015
    assert problem.method.rho != first


@pytest.mark.parametrize("parametrization", ["raw", "exp"])
@pytest.mark.parametrize(("bounds", "end"), [((0.4, 0.51), 0.51), ((0.4, 10.0), 0.4)])
def test_bounds_clamp_count_and_report(quadratic, parametrization, bounds, end):
    down = end == 0.4
    problem = quadratic(
        "lets-sam",
        rho=0.5,
        rho_lr=10.0,
        rho_optimizer="sgd",
        parametrization=parametrization,
        rho_bounds=bounds,
        metric="gap",
    )
    if down:  # the gap falls along x and y
        problem.validation = torch.tensor([[0.5, 3.0]], dtype=torch.float64)
    stats = problem.step()
    assert (stats.hypergradient > 0) == down
    assert problem.method.rho == pytest.approx(end, rel=1e-12)
    assert bounds[0] <= problem.method.rho <= bounds[1]
    assert problem.method.rho_clamped == 1
    kept = problem.method.state_dict()["radius"]["variable"].item()  # nothing piles up beyond the bound
    assert kept == pytest.approx(end if parametrization == "raw" else log(end / 0.5), rel=1e-12)
    with pytest.warns(UserWarning, match="met its bounds .* in 1 steps"):
        problem.method.end_epoch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem.method.end_epoch()


def test_the_coupled_radius_stays_in_its_range(quadratic):
    problem = quadratic("gsam", rho=0.5, rho_min=0.1, lr_min=0.01)
    group = problem.optimizer.param_groups[0]
    for lr, rho in ((0.1, 0.5), (0.055, 0.3), (0.01, 0.1), (1.0, 0.5), (0.0, 0.1)):
        group["lr"] = lr
        assert problem.method.rho == pytest.approx(rho, rel=1e-12)


def test_the_coupled_radius_without_a_range_is_the_largest(quadratic):
    assert quadratic("gsam", rho=0.5, lr=0.1, lr_min=0.1).method.rho == 0.5


def test_fields_of_stats(quadratic):
    stats = quadratic("lets-sam", rho=0.5).step()
    assert all(x.dim() == 0 for x in (stats.loss, stats.rho, stats.gap, stats.hypergradient))
    numbers = stats.numbers()
    assert numbers["loss"] == pytest.approx(6.5)
    assert numbers["passes"] == 4
    assert numbers["perturbed"] is True
    rest = quadratic("lets-rst", p=0.0).step()
    assert rest.gap is None
    assert rest.hypergradient is None
    assert rest.numbers()["gap"] is None
