"""The worked numbers: computed independently of this code, float64, to 1e-9."""

from math import exp

import pytest
import torch

NEAR = {"rel": 0, "abs": 1e-9}
SAMPLES = [(0.4, 5.0), (1.6, 3.0), (0.7, 2.0), (1.3, 6.0)]


def theta_after(problem, steps=1):
    for _ in range(steps):
        problem.step()
    return problem.model.theta


@pytest.mark.parametrize(
    ("name", "options", "theta"),
    [
        ("erm", {}, (2.7, 0.6)),
        ("erm", {"momentum": 0.9, "weight_decay": 0.01}, (2.697, 0.599)),
        ("sam", {"rho": 0.5}, (2.67, 0.44)),
        ("sam", {"rho": 0.5, "weight_decay": 0.01}, (2.667, 0.439)),
        ("asam", {"rho": 0.5, "xi": 0.01}, (2.562396059423, 0.518997838536)),
        ("asam", {"rho": 0.5, "xi": 0.01, "asam_norm": "elementwise-all"}, (2.562622345508, 0.517505578468)),
        ("gsam", {"rho": 0.5, "alpha": 0.4}, (2.689086390533, 0.428752662722)),
        ("looksam", {"rho": 0.5, "alpha": 0.7}, (2.67, 0.44)),
        ("rst", {"rho": 0.5, "p": 1.0}, (2.67, 0.44)),
        ("rst", {"rho": 0.5, "p": 0.0}, (2.7, 0.6)),
        ("ae-sam", {"rho": 0.5}, (2.67, 0.44)),
        ("ae-looksam", {"rho": 0.5}, (2.67, 0.44)),
        ("lets-sam", {"rho": 0.5}, (2.67, 0.44)),
        ("lets-asam", {"rho": 0.5, "asam_norm": "elementwise-all"}, (2.562622345508, 0.517505578468)),
    ],
)
def test_first_step(quadratic, name, options, theta):
    assert theta_after(quadratic(name, **options)) == pytest.approx(theta, **NEAR)


@pytest.mark.parametrize(
    ("beta", "gamma", "strict", "theta"),
    [
        (1.0, 1.0, False, (2.67, 0.44)),
        (1.0, 0.5, True, (2.571, 0.16)),
        (0.5, 1.0, False, (2.64, 0.28)),
    ],
)
def test_esam(quadratic, beta, gamma, strict, theta):
    train = torch.tensor(SAMPLES, dtype=torch.float64)
    problem = quadratic("esam", train=train, rho=0.5, beta=beta, gamma=gamma, sds_strict=strict)
    assert theta_after(problem) == pytest.approx(theta, **NEAR)


def test_esam_keeps_the_two_sharpest_samples_of_four(quadratic):
    train = torch.tensor(SAMPLES, dtype=torch.float64)
    problem = quadratic("esam", train=train, rho=0.5, beta=1.0, gamma=0.5)
    # Samples 1 and 3, sharpness 2.952 and 4.1085: a = (1.6 + 1.3)/2, b = (3 + 6)/2 at (3.3, 1.4).
    expected = (3 - 0.1 * 1.45 * 3.3, 1 - 0.1 * 4.5 * 1.4)
    assert theta_after(problem) == pytest.approx(expected, **NEAR)


def test_looksam_reuses_the_orthogonal_part(quadratic):
    problem = quadratic("looksam", rho=0.5, alpha=0.7)
    # g = (2.67, 1.76) at theta_1, ||g|| = 3.1978899293; g_v = (-0.576, 0.432) of length 0.72.
    ratio = 0.7 * (2.67**2 + 1.76**2) ** 0.5 / 0.72
    expected = (2.67 - 0.1 * (2.67 - 0.576 * ratio), 0.44 - 0.1 * (1.76 + 0.432 * ratio))
    assert theta_after(problem, 2) == pytest.approx(expected, **NEAR)


def test_looksam_per_tensor_has_nothing_to_reuse_on_scalars(quadratic):
    problem = quadratic("looksam", rho=0.5, alpha=0.7, scope="per-tensor")
    assert theta_after(problem, 2) == pytest.approx((2.67 * 0.9, 0.44 * 0.6), **NEAR)


def test_ae_sam_statistics_and_second_step(quadratic):
    problem = quadratic("ae-sam", rho=0.5)
    problem.step()
    policy = problem.method.state_dict()["policy"]
    assert policy["mean"].item() == pytest.approx(2.5, **NEAR)
    assert policy["variance"].item() == pytest.approx(50.6250408599, abs=1e-9)
    stats = problem.step()
    policy = problem.method.state_dict()["policy"]
    assert stats.perturbed
    assert policy["mean"].item() == pytest.approx(3.27265, **NEAR)
    assert policy["variance"].item() == pytest.approx(50.3981397562, abs=1e-9)
    assert problem.model.theta == pytest.approx((2.36125372263, 0.15392741846), **NEAR)


def test_ae_sam_compares_with_the_threshold(quadratic):
    # n = 25 passes at c = 3.1622 and fails at c = 3.1623: .9 n against c times .2846 n.
    below, above = (quadratic("ae-sam", rho=0.5, lambda_2=c) for c in (3.1622, 3.1623))
    assert below.step().perturbed
    assert not above.step().perturbed


def test_gsam_radius_follows_the_learning_rate(quadratic):
    problem = quadratic("gsam", rho=0.5, rho_min=0.1)
    problem.optimizer.param_groups[0]["lr"] = 0.05
    assert problem.method.rho == pytest.approx(0.3, **NEAR)
    problem.optimizer.param_groups[0]["lr"] = 0.0
    assert problem.method.rho == pytest.approx(0.1, **NEAR)


LETS = [
    ("half-squared-gap", {}, -57.8487872995, 0.5578487873, 0.51467338319),
    ("half-squared-gap", {"direction": "derivation"}, -22.217441609, 0.522217441609, 0.505585325878),
    ("half-squared-gap", {"hessian": "exact"}, -0.6727241, 0.5006727241, 0.500168209313),
    ("half-squared-gap", {"hessian": "finite-difference"}, -0.6727241, 0.5006727241, 0.500168209313),
    ("gap", {}, -16.6824181505, 0.51668241815, 0.504188046943),
    ("gap", {"direction": "derivation"}, -6.40706, 0.50640706, 0.501604333393),
    ("gap", {"hessian": "exact"}, -0.194, 0.500194, 0.500048502352),
    ("gap", {"hessian": "finite-difference"}, -0.194, 0.500194, 0.500048502352),
    ("validation-loss", {}, -71.335474029, 0.571335474029, 0.51815573067),
    ("validation-loss", {"direction": "derivation"}, -68.00772, 0.56800772, 0.517294300116),
    ("validation-loss", {"hessian": "exact"}, -7.428, 0.507428, 0.501860452722),
    ("validation-loss", {"hessian": "finite-difference"}, -7.428, 0.507428, 0.501860452722),
]


@pytest.mark.parametrize(("metric", "options", "g_rho", "raw", "exponential"), LETS)
def test_lets_example_e1(quadratic, metric, options, g_rho, raw, exponential):
    literal = {"rho": 0.5, "rho_lr": 0.01, "rho_optimizer": "sgd", "metric": metric, **options}
    for parametrization, rho in (("raw", raw), ("exp", exponential)):
        problem = quadratic("lets-sam", **literal, parametrization=parametrization)
        stats = problem.step()
        assert stats.hypergradient.item() == pytest.approx(g_rho, abs=1e-9)
        assert stats.gap.item() == pytest.approx(3.46765, **NEAR)
        assert problem.method.rho == pytest.approx(rho, **NEAR)
        assert stats.rho.item() == 0.5


def test_lets_without_the_learning_rate_moves_ten_times_as_far(quadratic):
    problem = quadratic(
        "lets-sam", rho=0.5, rho_lr=0.01, rho_optimizer="sgd", parametrization="raw", include_lr=False
    )
    problem.step()
    assert problem.method.rho == pytest.approx(0.5 + 0.01 * 57.8487872995, abs=1e-9)


def test_lets_asam_applies_t_of_theta_t_to_the_later_gradient(quadratic):
    problem = quadratic("lets-asam", rho=0.5, asam_norm="elementwise-all", xi=0.01)
    stats = problem.step()
    x, y, px, py = 2.562622345508, 0.517505578468, 4.373776544921, 4.824944215317  # theta_1 and ghat
    t, g = (3.01, 1.01), (x, 4 * y)
    length = ((t[0] * g[0]) ** 2 + (t[1] * g[1]) ** 2) ** 0.5
    g_b = [p**2 * s**2 * v / length for p, s, v in zip((px, py), t, g, strict=True)]
    gap = 0.5 * (x**2 - y**2)
    expected = -gap * (x * g_b[0] - y * g_b[1])
    assert stats.hypergradient.item() == pytest.approx(expected, rel=1e-9)


def test_adam_moves_nu_by_its_step_size_at_first(quadratic):
    problem = quadratic("lets-sam", rho=0.5, rho_lr=0.01)
    problem.step()
    assert problem.method.rho == pytest.approx(0.5 * exp(0.01), abs=1e-9)
