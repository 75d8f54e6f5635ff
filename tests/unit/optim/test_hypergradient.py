"""hessian="exact" is the true derivative of the step; Algorithm 1's surrogate may differ even in sign."""

import pytest
import torch

import lets

LR = 0.2
LEARNED = [name for name in lets.methods() if name.startswith("lets-")]


def upper(metric, gap, validation):
    return {"half-squared-gap": gap**2 / 2, "gap": gap, "validation-loss": validation}[metric]


def after_one_step(name, model, options, train, validation, metric):
    """Phi(theta_1) of the base method with a fixed radius: knows nothing of hyper-gradients."""
    method = lets.create(name, model, torch.optim.SGD(model.parameters(), lr=LR), total_steps=1, **options)
    method.step(model, train)
    with torch.no_grad():
        l_tr, l_vl = model(train).mean().item(), model(validation).mean().item()
    return upper(metric, l_vl - l_tr, l_vl)


@pytest.mark.parametrize("metric", ["half-squared-gap", "gap", "validation-loss"])
@pytest.mark.parametrize("name", LEARNED)
def test_exact_agrees_with_central_differences(name, metric, network, draw):
    base = name.removeprefix("lets-")
    rho, h = 0.3, 1e-5
    options = {"alpha": 0.4} if base == "gsam" else {"p": 1.0} if base == "rst" else {}
    for seed in range(3):
        train, validation = draw(seed), draw(100 + seed)

        def phi(r, seed=seed, train=train, validation=validation):
            fixed = {**options, "rho": r} | ({"rho_min": r} if base == "gsam" else {})
            return after_one_step(base, network(seed), fixed, train, validation, metric)

        slope = (phi(rho + h) - phi(rho - h)) / (2 * h)
        model = network(seed)
        method = lets.create(
            name,
            model,
            torch.optim.SGD(model.parameters(), lr=LR),
            total_steps=1,
            rho=rho,
            hessian="exact",
            metric=metric,
            **options,
        )
        stats = method.step(model, train, validation)
        assert LR * stats.hypergradient.item() == pytest.approx(slope, rel=1e-5, abs=1e-10)


def test_exact_can_be_applied_along_the_later_gradient(network, draw):
    model, train, validation = network(0), draw(0), draw(1)
    start = [p.detach().clone() for p in model.parameters()]
    method = lets.create(
        "lets-sam",
        model,
        torch.optim.SGD(model.parameters(), lr=LR),
        rho=0.3,
        hessian="exact",
        direction="algorithm",
        metric="gap",
    )
    stats = method.step(model, train, validation)
    parameters = list(model.parameters())

    def gradient(batch):
        return torch.autograd.grad(model(batch).mean(), parameters)

    tr, vl = gradient(train), gradient(validation)
    length = sum((g**2).sum() for g in tr).sqrt()
    with torch.no_grad():
        for p, s in zip(parameters, start, strict=True):
            p.copy_(s)
        g = gradient_of(model, train, parameters)
        norm = sum((x**2).sum() for x in g).sqrt()

        def at(h):
            for p, s, x, d in zip(parameters, start, g, tr, strict=True):
                p.copy_(s + 0.3 * x / norm + h * d / length)
            return gradient_of(model, train, parameters)

        product = [(a - b) / 2e-5 for a, b in zip(at(1e-5), at(-1e-5), strict=True)]
        expected = -sum(((v - t) * p).sum() for v, t, p in zip(vl, tr, product, strict=True))
    assert stats.hypergradient.item() == pytest.approx(expected.item(), rel=1e-5)


def gradient_of(model, batch, parameters):
    with torch.enable_grad():
        return torch.autograd.grad(model(batch).mean(), parameters)


def test_finite_difference_is_close_to_exact_for_a_small_radius(network, draw):
    values = {}
    for hessian in ("finite-difference", "exact"):
        model = network(2)
        optimizer = torch.optim.SGD(model.parameters(), lr=LR)
        method = lets.create("lets-sam", model, optimizer, rho=1e-3, hessian=hessian)
        values[hessian] = method.step(model, draw(3), draw(4)).hypergradient.item()
    assert values["finite-difference"] == pytest.approx(values["exact"], rel=1e-2)


def test_the_surrogate_can_have_the_opposite_sign(quadratic):
    # With eta = .3 the step overshoots, y_1 = 1 - .3 * 5.6 = -.68: the later gradient points the other way.
    values = {}
    for hessian in ("diagonal", "exact"):
        problem = quadratic("lets-sam", rho=0.5, lr=0.3, metric="gap", hessian=hessian)
        problem.validation = torch.tensor([[1.0, 3.0]], dtype=torch.float64)
        values[hessian] = problem.step().hypergradient.item()
    x, y = 3 - 0.3 * 3.3, -0.68
    assert values["exact"] == pytest.approx(-0.68 * 4 * 0.8, abs=1e-9)
    assert values["diagonal"] == pytest.approx(-0.68 * 31.36 * 4 * y / (x**2 + 16 * y**2) ** 0.5, abs=1e-9)
    assert values["diagonal"] > 0 > values["exact"]


class Attention(torch.nn.Module):
    """One layer of attention on tokens [n, 3, 4]; torch takes a fused kernel for it that has one derivative."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        weights = torch.randn(2, 4, 4, generator=generator, dtype=torch.float64)
        self.queries, self.keys = map(torch.nn.Parameter, weights)

    def forward(self, batch):
        tokens, targets = batch
        query, key = ((tokens @ weight)[:, None] for weight in (self.queries, self.keys))
        attended = torch.nn.functional.scaled_dot_product_attention(query, key, tokens[:, None])
        return (attended.mean((1, 2, 3)) - targets) ** 2


def test_exact_goes_through_attention():
    generator = torch.Generator().manual_seed(0)
    train, validation = (
        (torch.randn(6, 3, 4, generator=generator).double(), torch.randn(6, generator=generator).double())
        for _ in range(2)
    )
    rho, h = 0.3, 1e-5

    def phi(r):
        return after_one_step("sam", Attention(), {"rho": r}, train, validation, "validation-loss")

    model = Attention()
    options = {"rho": rho, "hessian": "exact", "metric": "validation-loss"}
    method = lets.create(
        "lets-sam", model, torch.optim.SGD(model.parameters(), lr=LR), total_steps=1, **options
    )
    stats = method.step(model, train, validation)
    slope = (phi(rho + h) - phi(rho - h)) / (2 * h)
    assert LR * stats.hypergradient.item() == pytest.approx(slope, rel=1e-5)
