"""Methods that coincide for special hyper-parameters: the same bytes, step after step."""

import pytest
import torch
from torch import nn

import lets


def trajectory(name, model, draw, options, steps=6):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=1e-2)
    method = lets.create(name, model, optimizer, total_steps=steps, **options)
    for t in range(steps):
        method.step(model, draw(t), draw(50 + t))
    return torch.cat([x.detach().flatten().double() for x in (*model.parameters(), *model.buffers())])


@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize(
    ("name", "options", "other", "others"),
    [
        ("gsam", {"alpha": 0.0, "rho": 0.2, "rho_min": 0.2}, "sam", {"rho": 0.2}),
        ("esam", {"beta": 1.0, "gamma": 1.0, "rho": 0.2}, "sam", {"rho": 0.2}),
        ("looksam", {"k": 1, "rho": 0.2}, "sam", {"rho": 0.2}),
        ("rst", {"p": 1.0, "rho": 0.2}, "sam", {"rho": 0.2}),
        ("rst", {"p": 0.0, "rho": 0.2}, "erm", {}),
        ("ae-sam", {"lambda_1": -1e9, "lambda_2": -1e9, "rho": 0.2}, "sam", {"rho": 0.2}),
        ("ae-sam", {"lambda_1": 1e9, "lambda_2": 1e9, "rho": 0.2}, "erm", {}),
        ("sam", {"rho": 0.0}, "erm", {}),
        *(
            (f"lets-{base}", {"rho_lr": 0.0, "rho": 0.2, **extra}, base, {"rho": 0.2, **extra, **fixed})
            for base, extra, fixed in [
                ("sam", {}, {}),
                ("asam", {}, {}),
                ("asam", {"asam_norm": "filterwise"}, {}),
                ("esam", {"seed": 4}, {}),
                ("rst", {"seed": 4}, {}),
                ("looksam", {"k": 2}, {}),
                ("ae-sam", {}, {}),
                ("ae-looksam", {}, {}),
                ("gsam", {}, {"rho_min": 0.2}),
            ]
        ),
    ],
)
def test_reduction(name, options, other, others, batchnorm, network, draw):
    one = trajectory(name, network(0, batchnorm), draw, options)
    two = trajectory(other, network(0, batchnorm), draw, others)
    assert torch.equal(one, two)


def test_asam_is_sam_where_nothing_is_called_weight(draw):
    class Renamed(nn.Module):
        def __init__(self):
            super().__init__()
            generator = torch.Generator().manual_seed(0)
            self.kernel = nn.Parameter(torch.randn(4, 3, generator=generator, dtype=torch.float64))

        def forward(self, batch):
            return nn.functional.cross_entropy(batch[0] @ self.kernel, batch[1], reduction="none")

    one = trajectory("asam", Renamed(), draw, {"rho": 0.2})
    assert torch.equal(one, trajectory("sam", Renamed(), draw, {"rho": 0.2}))


def test_looksam_in_between_is_not_erm(network, draw):
    one = trajectory("looksam", network(0), draw, {"rho": 0.2, "k": 100}, steps=3)
    two = trajectory("looksam", network(0), draw, {"rho": 0.2, "k": 100, "alpha": 0.0}, steps=3)
    assert not torch.equal(one, two)


def test_rst_perturbs_about_half_of_the_steps(quadratic):
    problem = quadratic("rst", lr=1e-6)
    count = sum(problem.step().perturbed for _ in range(400))
    assert 160 < count < 240  # four standard deviations of Binomial(400, 1/2)


def test_looksam_perturbs_every_fifth_step(quadratic):
    problem = quadratic("looksam")
    assert [problem.step().perturbed for _ in range(11)] == [t % 5 == 0 for t in range(11)]


def test_filterwise_scales_a_filter_by_its_norm():
    class Convolution(nn.Module):
        def __init__(self):
            super().__init__()
            generator = torch.Generator().manual_seed(0)
            self.conv = nn.utils.skip_init(nn.Conv2d, 2, 3, 2, dtype=torch.float64)
            with torch.no_grad():
                self.conv.weight.copy_(torch.randn(self.conv.weight.shape, generator=generator))
                self.conv.bias.copy_(torch.tensor([0.1, -0.2, 0.3]))

        def forward(self, x):
            self.seen = (self.conv.weight.detach().clone(), self.conv.bias.detach().clone())
            return self.conv(x).square().mean(dim=(1, 2, 3))

    model = Convolution()
    x = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    w, b = (p.detach().clone() for p in model.parameters())
    gw, gb = torch.autograd.grad(model(x).mean(), list(model.parameters()))
    tw = (w.flatten(1).norm(dim=1) + 0.05).view(3, 1, 1, 1)
    tb = b.abs() + 0.05
    length = ((tw * gw).square().sum() + (tb * gb).square().sum()).sqrt()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    method = lets.create("asam", model, optimizer, rho=0.7, xi=0.05, asam_norm="filterwise")
    method.step(model, x)
    torch.testing.assert_close(model.seen[0], w + 0.7 * tw**2 * gw / length, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(model.seen[1], b + 0.7 * tb**2 * gb / length, rtol=1e-12, atol=1e-14)
