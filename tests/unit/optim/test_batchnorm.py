"""BatchNorm's buffers belong to the pass at theta_t: every other pass leaves them alone, bit for bit."""

import pytest
import torch
from torch import nn

import lets


def buffers(model):
    return {name: b.clone() for name, b in model.named_buffers()}


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("name", lets.methods())
def test_one_step_updates_the_buffers_as_one_forward_does(name, momentum, network, draw):
    model, plain = network(0, batchnorm=True), network(0, batchnorm=True)
    model.norm.momentum = plain.norm.momentum = momentum
    plain(draw(0))
    method = lets.create(name, model, torch.optim.SGD(model.parameters(), lr=0.1), total_steps=3)
    method.step(model, draw(0), draw(1))
    assert same(buffers(model), buffers(plain))
    assert model.norm.num_batches_tracked == 1


def test_bn_stats_all_updates_in_every_pass(network, draw):
    for name, passes in (("erm", 1), ("sam", 2), ("esam", 3), ("lets-sam", 4)):
        model = network(0, batchnorm=True)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        method = lets.create(name, model, optimizer, bn_stats="all")
        method.step(model, draw(0), draw(1))
        assert model.norm.num_batches_tracked == passes


def test_every_pass_uses_batch_statistics(network, draw):
    model, seen = network(0, batchnorm=True), []
    method = lets.create("lets-esam", model, torch.optim.SGD(model.parameters(), lr=0.1))

    def loss_fn(batch):
        hidden = model.norm(model.first(batch[0]))
        seen.append(((hidden - model.norm.bias) / model.norm.weight).mean(dim=0).abs().max().item())
        return model(batch)

    method.step(loss_fn, draw(0), draw(1))
    assert len(seen) == 5
    assert max(seen) < 1e-9


def test_eval_mode_is_respected(network, draw):
    model = network(0, batchnorm=True)
    model.train()
    model(draw(9))
    model.norm.eval()
    before = buffers(model)
    method = lets.create("lets-sam", model, torch.optim.SGD(model.parameters(), lr=0.1))
    method.step(model, draw(0), draw(1))
    assert same(buffers(model), before)
    assert model.training
    assert not model.norm.training
    assert model.norm.track_running_stats


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4])
def test_buffers_and_flags_survive_an_exception(fails_at, network, draw):
    model = network(0, batchnorm=True)
    method = lets.create("lets-sam", model, torch.optim.SGD(model.parameters(), lr=0.1))
    method.step(model, draw(0), draw(1))
    before, calls = buffers(model), 0

    def loss_fn(batch):
        nonlocal calls
        calls += 1
        losses = model(batch)
        if calls == fails_at:
            raise RuntimeError("no memory")
        return losses

    with pytest.raises(RuntimeError, match="no memory"):
        method.step(loss_fn, draw(2), draw(3))
    assert same(buffers(model), before)
    assert model.norm.track_running_stats
    assert model.norm.training


def test_without_running_averages_nothing_is_switched(draw):
    with torch.random.fork_rng(devices=[]):
        model = nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 3)).double()
    method = lets.create("sam", model, torch.optim.SGD(model.parameters(), lr=0.1))
    method.step(lambda b: nn.functional.cross_entropy(model(b[0]), b[1], reduction="none"), draw(0))
    assert not model[0].track_running_stats


def _counts(module, _inputs, _output):
    module.running_mean.data.add_(1)


class _Counting(nn.BatchNorm1d):
    def forward(self, x):
        self.running_var.add_(1)
        return super().forward(x)


@pytest.mark.parametrize("kind", ["hook", "subclass"])
@pytest.mark.parametrize("name", ["sam", "lets-sam"])
def test_what_a_hook_or_a_subclass_adds_belongs_to_the_first_pass_too(name, kind, network, draw):
    model, plain = network(0, batchnorm=True), network(0, batchnorm=True)
    for one in (model, plain):
        if kind == "hook":
            one.norm.register_forward_hook(_counts)
        else:
            one.norm.__class__ = _Counting
    method = lets.create(name, model, torch.optim.SGD(model.parameters(), lr=0.1), total_steps=3)
    for turn in (0, 1):
        torch.nn.utils.vector_to_parameters(
            torch.nn.utils.parameters_to_vector(model.parameters()), plain.parameters()
        )
        plain(draw(turn))
        method.step(model, draw(turn), draw(2))
        assert same(buffers(model), buffers(plain))
