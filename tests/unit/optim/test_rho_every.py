"""rho_every=k: the radius learns on every k-th perturbed step, and rests at the price of the base method."""

import pytest
import torch

import lets


def make(name, model, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    return lets.create(name, model, optimizer, rho=0.2, rho_lr=0.05, **options)


def trained(name, network, draw, steps, reuse=False, **options):
    model = network(0, batchnorm=True)
    method = make(name, model, **options)
    batches = [draw(t) for t in range(steps + 1)]
    stats = [method.step(model, batches[t], batches[t + 1] if reuse else draw(50 + t)) for t in range(steps)]
    return model, method, stats


def test_it_learns_on_every_kth_step_only(network, draw):
    _, _, stats = trained("lets-sam", network, draw, 9, rho_every=4)
    learned = [t for t, s in enumerate(stats) if s.hypergradient is not None]
    assert learned == [0, 4, 8]
    assert [s.passes for s in stats] == [4, 2, 2, 2, 4, 2, 2, 2, 4]
    radii = [float(s.rho) for s in stats]
    assert [t for t in range(8) if radii[t] != radii[t + 1]] == [0, 4]


def test_with_the_next_batch_it_costs_one_pass_more_in_k_steps(network, draw):
    _, _, stats = trained("lets-sam", network, draw, 8, reuse=True, rho_every=4)
    assert [s.passes for s in stats] == [4, 1, 2, 2, 4, 1, 2, 2]


def test_resting_steps_are_those_of_the_base_method_at_that_radius(network, draw):
    """Between two learnings: SAM with the radius as it is, to the last bit."""
    model, method, _ = trained("lets-sam", network, draw, 1, rho_every=100)
    twin = network(0, batchnorm=True)
    base = torch.optim.SGD(twin.parameters(), lr=0.2, momentum=0.9)
    sam = lets.create("sam", twin, base, rho=0.2)
    sam.step(twin, draw(0))
    assert method.rho != 0.2
    then = lets.create("sam", twin, base, rho=method.rho)
    for t in range(1, 4):
        method.step(model, draw(t), draw(50 + t)), then.step(twin, draw(t))
    for p, q in zip(model.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(p, q)


def test_only_perturbed_steps_count(network, draw):
    _, _, stats = trained("lets-looksam", network, draw, 13, k=3, rho_every=2)
    assert [t for t, s in enumerate(stats) if s.perturbed] == [0, 3, 6, 9, 12]
    assert [t for t, s in enumerate(stats) if s.hypergradient is not None] == [0, 6, 12]


def test_it_goes_on_where_it_was(network, draw):
    whole, method, _ = trained("lets-sam", network, draw, 7, rho_every=3)
    model, first, _ = trained("lets-sam", network, draw, 5, rho_every=3)
    other = make("lets-sam", model, rho_every=3)
    other.load_state_dict(first.state_dict())
    for t in range(5, 7):
        other.step(model, draw(t), draw(50 + t))
    assert other.rho == method.rho
    for p, q in zip(whole.parameters(), model.parameters(), strict=True):
        assert torch.equal(p, q)


def test_a_step_that_fails_does_not_count(network, draw):
    model = network(0)
    method = make("lets-sam", model, rho_every=2)
    method.step(model, draw(0), draw(50))
    with pytest.raises(lets.DivergenceError):
        method.step(lambda batch: model(batch) * float("nan"), draw(1), draw(51))
    assert [method.step(model, draw(t), draw(50 + t)).passes for t in (1, 2)] == [2, 4]


@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_it_is_a_whole_number_from_one(value, network):
    with pytest.raises((ValueError, TypeError), match="rho_every"):
        make("lets-sam", network(0), rho_every=value)
