"""Loss, gradient and Hessian product against derivatives that torch makes of the whole function."""

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

import lets.analyses.compute.objective
import lets.models
from lets.analyses.compute.objective import Objective


def network() -> nn.Module:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(2)
    norm.running_mean, norm.running_var = torch.randn(2), torch.rand(2) + 0.5
    return nn.Sequential(
        nn.Conv2d(1, 2, 2), norm, nn.Tanh(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 3)
    ).double()


def objective(model: nn.Module, samples: int = 20, side: int = 3, classes: int = 3) -> Objective:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(samples, 1, side, side, generator=generator, dtype=torch.float64)
    return Objective(model, images, torch.randint(classes, (samples,), generator=generator))


def whole(problem: Objective):
    """The loss as one function of one vector."""
    named = dict(problem.model.named_parameters())
    sizes = [p.numel() for p in named.values()]

    def loss(vector: torch.Tensor) -> torch.Tensor:
        parts = dict(zip(named, vector.split(sizes), strict=True))
        values = {name: parts[name].view_as(p) for name, p in named.items()}
        return cross_entropy(functional_call(problem.model, values, (problem.images,)), problem.labels)

    return loss, flat(named.values()).detach()


def flat(tensors) -> torch.Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


@pytest.mark.parametrize("images_per_pass", [500, 7, 1])
def test_against_the_whole_function(monkeypatch: pytest.MonkeyPatch, images_per_pass: int) -> None:
    monkeypatch.setattr(lets.analyses.compute.objective, "IMAGES", images_per_pass)
    problem = objective(network())
    loss, at = whole(problem)
    gradient = torch.autograd.functional.jacobian(loss, at)
    hessian = torch.autograd.functional.hessian(loss, at)
    assert problem.loss() == pytest.approx(loss(at).item(), rel=1e-12)
    assert torch.allclose(flat(problem.gradient()), gradient, rtol=1e-10, atol=1e-14)
    vector = [torch.randn_like(weight) for weight in problem.weights]
    assert torch.allclose(flat(problem.hessian_times(vector)), hessian @ flat(vector), rtol=1e-9, atol=1e-13)


def test_the_memory_of_a_pass_is_bounded_by_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight pixels may be in a pass: no more than one image of nine."""
    sizes = []
    model = network()
    model.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    monkeypatch.setattr(lets.analyses.compute.objective, "PIXELS", 8)
    objective(model, samples=5).loss()
    assert sizes == [1] * 5


def test_groups_are_consecutive_images() -> None:
    problem = objective(network())
    parts = problem.groups(8)
    assert [len(part.labels) for part in parts] == [8, 8, 4]
    assert torch.equal(torch.cat([part.images for part in parts]), problem.images)
    assert torch.equal(torch.cat([part.labels for part in parts]), problem.labels)


def test_the_weights_are_those_of_before_also_after_an_error() -> None:
    problem = objective(network())
    before = [weight.detach().clone() for weight in problem.weights]

    def interrupted() -> None:
        with problem.moved() as weights:
            problem.move([weight + 1 for weight in weights])
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    assert all(torch.equal(a, b) for a, b in zip(problem.weights, before, strict=True))


@pytest.mark.parametrize("architecture", ["vit-small", "resnet-small"])
def test_networks_can_be_differentiated_twice(architecture: str) -> None:
    """Compared with central differences of the gradient, in float64."""
    torch.manual_seed(0)
    model = lets.models.create(architecture, 10, (1, 8, 8)).double()
    with torch.no_grad():
        for parameter in model.parameters():  # heads start from zero: nothing would pass through them
            parameter += 0.05 * torch.randn_like(parameter)
    problem = objective(model, samples=6, side=8, classes=10)
    vector = [torch.randn_like(weight) for weight in problem.weights]
    sides, step = [], 1e-5
    with problem.moved() as weights:
        for sign in (step, -step):
            problem.move(torch._foreach_add(weights, vector, alpha=sign))
            sides.append(flat(problem.gradient()))
    expected = (sides[0] - sides[1]) / (2 * step)
    found = flat(problem.hessian_times(vector))
    assert found.norm() > 1e-3
    assert ((found - expected).norm() / expected.norm()).item() < 1e-5


def test_a_weight_that_nothing_depends_on_has_derivative_zero() -> None:
    model = network()
    model.register_parameter("idle", nn.Parameter(torch.ones(3, dtype=torch.float64)))
    problem = objective(model)
    place = next(i for i, weight in enumerate(problem.weights) if weight.shape == (3,) and weight[0] == 1)
    assert not problem.gradient()[place].any()
    assert not problem.hessian_times([torch.ones_like(w) for w in problem.weights])[place].any()
