"""What holds for any weights and data: exact restore, the length and scale of a climb, the order of parameters."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import lets

SAM_TYPE = [name for name in lets.methods() if name != "erm"]
seeds = st.integers(0, 2**32 - 1)
radii = st.floats(1e-3, 5.0)


class Net(nn.Module):
    """A small smooth network that remembers the weights of each of its forwards."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
        self.first, self.bias, self.second = (nn.Parameter(w) for w in (draw(4, 5), draw(5), draw(5, 1)))
        self.data = draw(12, 4), draw(12, 1)
        self.validation = draw(12, 4), draw(12, 1)
        self.scale = scale
        self.visited: list[list[Tensor]] = []

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        self.visited.append([p.detach().clone() for p in self.parameters()])
        x, y = batch
        return self.scale * (torch.tanh(x @ self.first + self.bias) @ self.second - y).square().mean(1)

    def climb(self) -> Tensor:
        """How far the second forward was from the first, all parameters in one vector."""
        return torch.cat([(b - a).flatten() for a, b in zip(*self.visited[:2], strict=True)])


def step(net: Net, name: str, order: int = 1, lr: float = 0.1, **hyperparameters: object) -> None:
    parameters = list(net.parameters())[::order]
    method = lets.create(name, net, torch.optim.SGD(parameters, lr=lr), total_steps=4, **hyperparameters)
    method.step(net.loss, net.data, net.validation)


@pytest.mark.parametrize("name", SAM_TYPE)
@settings(max_examples=15, deadline=None)
@given(seed=seeds, rho=radii)
def test_weights_come_back_to_the_last_bit(name: str, seed: int, rho: float) -> None:
    net = Net(seed)
    before = [p.detach().clone() for p in net.parameters()]
    step(net, name, lr=0.0, rho=rho)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


@settings(max_examples=40, deadline=None)
@given(seed=seeds, rho=radii)
def test_sam_climbs_exactly_the_radius(seed: int, rho: float) -> None:
    net = Net(seed)
    step(net, "sam", rho=rho)
    assert net.climb().norm().item() == pytest.approx(rho, rel=1e-9)


@pytest.mark.parametrize("name", ["sam", "asam", "gsam"])
@settings(max_examples=20, deadline=None)
@given(seed=seeds, factor=st.floats(1e-3, 1e3))
def test_the_climb_does_not_depend_on_the_scale_of_the_loss(name: str, seed: int, factor: float) -> None:
    one, other = Net(seed), Net(seed, scale=factor)
    step(one, name, rho=0.3)
    step(other, name, rho=0.3)
    torch.testing.assert_close(one.climb(), other.climb(), rtol=1e-8, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, factor=st.floats(0.1, 10))
def test_asam_climbs_in_proportion_to_the_weights(seed: int, factor: float) -> None:
    """With xi = 0 the ellipsoid ||T^-1 eps|| = rho moves with the weights: its measure is scale-free."""
    for scale in (1.0, factor):
        net = Net(seed)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.mul_(scale)
        weights = torch.cat([p.detach().flatten() for p in net.parameters()])
        step(net, "asam", rho=0.3, xi=0.0, asam_norm="elementwise-all")
        assert (net.climb() / weights.abs()).norm().item() == pytest.approx(0.3, rel=1e-6)


@pytest.mark.parametrize("name", [name for name in SAM_TYPE if "esam" not in name])
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_the_order_of_the_parameters_does_not_matter(name: str, seed: int) -> None:
    """ESAM is left out: its mask is drawn in the order of the tensors."""
    one, other = Net(seed), Net(seed)
    step(one, name, order=1)
    step(other, name, order=-1)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
