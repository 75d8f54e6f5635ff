"""Frozen, tied, unused, scalar, stale: what parameters can be like."""

import pytest
import torch
from torch import nn

import lets

METHODS = lets.methods()


class Odd(nn.Module):
    """A scalar, a tied pair, an unused, a frozen, and two layers of which each batch uses one."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)

        def parameter(*shape, grad=True):
            values = torch.randn(shape, generator=generator, dtype=torch.float64)
            return nn.Parameter(values, requires_grad=grad)

        self.scale = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))
        self.weight = parameter(4, 4)
        self.tied = self.weight
        self.unused = parameter(3)
        self.frozen = parameter(4, grad=False)
        self.left, self.right = parameter(4, 3), parameter(4, 3)

    def forward(self, batch):
        inputs, labels = batch
        hidden = torch.tanh(inputs @ self.weight + self.frozen) @ self.tied
        head = self.left if inputs[0, 0] > 0 else self.right
        return nn.functional.cross_entropy(self.scale * hidden @ head, labels, reduction="none")


def values(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("name", METHODS)
def test_odd_parameters(name, draw):
    model = Odd()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    method = (
        lets.create(name, model, optimizer, total_steps=6, rho=0.1)
        if name != "erm"
        else lets.create(name, model, optimizer)
    )
    start = values(model)
    for t in range(6):
        stale = torch.full_like(model.unused, 1e6)
        model.unused.grad, model.frozen.grad = stale, torch.full_like(model.frozen, 1e6)
        before, batch = values(model), draw(t)
        stats = method.step(model, batch, draw(50 + t))
        assert stats.loss.isfinite()
        assert model.unused.grad is None
        idle = "right" if batch[0][0, 0] > 0 else "left"
        if "esam" not in name:  # a subset of the batch may use the other head
            assert getattr(model, idle).grad is None
            assert torch.equal(before[idle], getattr(model, idle))
    end = values(model)
    assert torch.equal(start["unused"], end["unused"])
    assert torch.equal(start["frozen"], end["frozen"])
    assert not torch.equal(start["scale"], end["scale"])
    assert not torch.equal(start["weight"], end["weight"])


def test_a_tied_parameter_counts_once(draw):
    model = Odd()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    start, batch = values(model), draw(0)
    trained = [p for p in model.parameters() if p.requires_grad]
    grads = torch.autograd.grad(model(batch).mean(), trained, allow_unused=True)
    norm = sum((g**2).sum() for g in grads if g is not None).sqrt()
    seen = []

    def loss_fn(batch):
        seen.append(values(model))
        return model(batch)

    lets.create("sam", model, optimizer, rho=0.3).step(loss_fn, batch)
    for (name, _), g in zip(
        [(n, p) for n, p in model.named_parameters() if p.requires_grad], grads, strict=True
    ):
        step = torch.zeros_like(start[name]) if g is None else 0.3 * g / norm
        torch.testing.assert_close(seen[1][name], start[name] + step, rtol=1e-12, atol=1e-14)


def test_freezing_during_training(network, draw):
    model = network(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    method = lets.create("lets-looksam", model, optimizer, k=3)
    for t in range(9):
        model.first.weight.requires_grad_(t % 2 == 0)
        before = model.first.weight.detach().clone()
        method.step(model, draw(t), draw(50 + t))
        assert torch.equal(before, model.first.weight) == (t % 2 == 1)


@pytest.mark.parametrize("name", METHODS)
def test_a_zero_gradient_moves_nothing(name):
    model = nn.utils.skip_init(nn.Linear, 2, 1, dtype=torch.float64)
    with torch.no_grad():
        model.weight.fill_(1.0), model.bias.fill_(0.5)
    method = lets.create(name, model, torch.optim.SGD(model.parameters(), lr=0.1), total_steps=3)
    start, rho = values(model), method.rho
    batch = torch.zeros(4, 2, dtype=torch.float64)
    for _ in range(3):
        stats = method.step(lambda b: 0.0 * model(b)[:, 0], batch, batch.clone())
        assert stats.loss == 0
    assert all(torch.equal(start[n], p) for n, p in model.named_parameters())
    assert method.rho == rho


def test_several_groups_keep_their_own_rates(network, draw):
    model, plain = network(0), network(0)
    groups = [
        [{"params": m.first.parameters(), "lr": 0.3}, {"params": m.last.parameters(), "weight_decay": 0.1}]
        for m in (model, plain)
    ]
    optimizer, reference = (torch.optim.SGD(g, lr=0.1, momentum=0.9) for g in groups)
    method = lets.create("erm", model, optimizer)
    for t in range(3):
        method.step(model, draw(t))
        reference.zero_grad()
        plain(draw(t)).mean().backward()
        reference.step()
    for p, q in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(p, q)


def test_only_what_the_optimizer_updates_is_perturbed(network, draw):
    model, seen = network(0), []
    method = lets.create("sam", model, torch.optim.SGD(model.last.parameters(), lr=0.1), rho=0.3)
    start = values(model)

    def loss_fn(batch):
        seen.append(values(model))
        return model(batch)

    method.step(loss_fn, draw(0))
    assert torch.equal(seen[1]["first.weight"], start["first.weight"])
    moved = sum(((seen[1][n] - start[n]) ** 2).sum() for n in ("last.weight", "last.bias")).sqrt()
    assert moved.item() == pytest.approx(0.3, rel=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_micro_batches_give_the_numbers_of_the_whole(name, network, draw):
    ends = []
    for k in (1, 3, 100):
        model = network(0)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        method = lets.create(name, model, optimizer, total_steps=4, micro_batches=k)
        stats = [method.step(model, draw(t), draw(50 + t)) for t in range(4)]
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
        assert stats[0].passes == stats[0].passes
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ends[2], ends[0], rtol=1e-9, atol=1e-12)


def test_micro_batches_differentiate_twice(network, draw):
    found = []
    for k in (1, 3):
        model = network(0)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        method = lets.create("lets-sam", model, optimizer, micro_batches=k, hessian="exact")
        found.append(method.step(model, draw(0), draw(1)).hypergradient.item())
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_the_callers_no_grad_does_no_harm(network, draw):
    model = network(0)
    method = lets.create("sam", model, torch.optim.SGD(model.parameters(), lr=0.1))
    before = values(model)
    with torch.no_grad():
        method.step(model, draw(0))
    assert not torch.equal(before["last.weight"], model.last.weight)


def test_the_base_optimizer_may_overwrite_its_gradients(network, draw):
    class InPlace(torch.optim.SGD):
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.grad.mul_(0.5)
            return super().step(closure)

    found = []
    for optimizer_class, lr in ((InPlace, 0.2), (torch.optim.SGD, 0.1)):
        model = network(0)
        method = lets.create("lets-gsam", model, optimizer_class(model.parameters(), lr=lr))
        found.append(method.step(model, draw(0), draw(1)).hypergradient.item())
    assert found[0] == pytest.approx(found[1], rel=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_the_way_back_is_exact(name, network, draw):
    """A learning rate of 0: after a step the weights are what they were to the last bit.

    The weights are of all sizes, so adding a perturbation and taking it away again would round some of them.
    """
    model = network(0)
    sizes = torch.logspace(-8, 1, model.first.weight.numel(), dtype=torch.float64)
    with torch.no_grad():
        model.first.weight.mul_(sizes.view_as(model.first.weight))
    start = values(model)
    options = {} if name == "erm" else {"rho": 0.3}
    method = lets.create(name, model, torch.optim.SGD(model.parameters(), lr=0.0), total_steps=3, **options)
    for t in range(3):
        method.step(model, draw(t), draw(50 + t))
    assert all(torch.equal(start[n], p) for n, p in model.named_parameters())


class _Remembering(torch.optim.SGD):
    """Keeps the gradients it was given, as some optimizers do, and a copy of them."""

    def step(self, closure=None):
        found = [p.grad for group in self.param_groups for p in group["params"]]
        self.state["seen"] = [*self.state.get("seen", []), (found, [g.clone() for g in found])]
        return super().step(closure)


@pytest.mark.parametrize("name", ["erm", "sam", "gsam", "lets-sam"])
def test_a_gradient_that_was_handed_over_never_changes(name, network, draw):
    model = network(0)
    optimizer = _Remembering(model.parameters(), lr=0.1)
    method = lets.create(name, model, optimizer, total_steps=3)
    for turn in range(3):
        method.step(model, draw(turn), draw(turn + 3))
    assert len(optimizer.state["seen"]) == 3
    assert all(
        torch.equal(a, b)
        for kept, copies in optimizer.state["seen"]
        for a, b in zip(kept, copies, strict=True)
    )
