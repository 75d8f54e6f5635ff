"""The late verdict, as on a GPU: read one step later, and the diverged step is undone all the same."""

import pickle

import pytest
import torch

import lets
from lets.optim.errors import DivergenceError, StaleGradientError
from lets.optim.undo import Guard


def make(name, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    method = lets.create(name, model, optimizer, total_steps=10)
    method._guard = Guard(late=True)
    return method


def weights_and_buffers(model):
    return torch.cat([x.detach().flatten().double() for x in (*model.parameters(), *model.buffers())])


@pytest.mark.parametrize("name", ["erm", "sam", "esam", "gsam", "looksam", "lets-sam", "lets-ae-sam"])
def test_divergence_is_reported_one_step_later(name, network, draw):
    model = network(0, batchnorm=True)
    method = make(name, model)
    method.step(model, draw(0), draw(50))
    before, rho = weights_and_buffers(model), method.rho
    method.step(lambda batch: model(batch) * float("nan"), draw(1), draw(51))
    with pytest.raises(lets.DivergenceError, match="step 1: loss nan"):
        method.step(model, draw(2), draw(52))
    assert torch.equal(weights_and_buffers(model), before)
    assert method.rho == rho


@pytest.mark.parametrize("ask", ["state_dict", "end_epoch"])
def test_the_last_verdict_is_heard_when_asked(ask, network, draw):
    model = network(0)
    method = make("lets-sam", model)
    before = weights_and_buffers(model)
    method.step(lambda batch: model(batch) * float("inf"), draw(1), draw(51))
    with pytest.raises(lets.DivergenceError, match="step 0"):
        getattr(method, ask)()
    assert torch.equal(weights_and_buffers(model), before)


def test_a_failure_after_divergence_is_explained_by_it(network, draw):
    model = network(0)
    method = make("sam", model)
    before = weights_and_buffers(model)
    method.step(lambda batch: model(batch) * float("nan"), draw(1))

    def choking(batch):
        raise ValueError("nan in the input")

    with pytest.raises(lets.DivergenceError) as caught:
        method.step(choking, draw(2))
    assert isinstance(caught.value.__context__, ValueError)
    assert torch.equal(weights_and_buffers(model), before)


def test_a_network_of_one_parameter_is_put_back_too():
    """The validation losses, after the base optimizer's step, are not finite."""
    model = torch.nn.utils.skip_init(torch.nn.Linear, 3, 1, bias=False)
    torch.nn.init.constant_(model.weight, 2.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    method = lets.create("lets-sam", model, optimizer)
    with pytest.raises(lets.DivergenceError, match="validation loss nan"):
        method.step(lambda x: model(x).square().sum(1), torch.ones(2, 3), torch.full((2, 3), torch.nan))
    assert model.weight.tolist() == [[2.0, 2.0, 2.0]]


def test_a_healthy_run_gives_the_same_bytes_late_and_at_once(network, draw):
    ends = []
    for late in (True, False):
        model = network(0, batchnorm=True)
        method = make("lets-gsam", model)
        method._guard = Guard(late=late)
        for t in range(4):
            method.step(model, draw(t), draw(50 + t))
        ends.append(weights_and_buffers(model))
    assert torch.equal(*ends)


@pytest.mark.parametrize("error", [DivergenceError(3, 0.05, {"loss": float("inf")}), StaleGradientError(3)])
def test_errors_travel_between_processes(error: Exception) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)
