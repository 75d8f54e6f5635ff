"""The peers are what they are said to be, and take our steps."""

from dataclasses import replace

import pytest
import torch
from benchmarks.peers import loops
from benchmarks.peers.compare import PAIRS, apart, passes_of
from benchmarks.peers.sam import SAM, hold_averages, release_averages
from torch import nn

from lets.errors import SpecError

CPU = torch.device("cpu")


@pytest.fixture
def peers():
    try:
        loops.find_peers()
    except SpecError:
        pytest.skip("pytorch_optimizer is installed by `make peers`")


def test_a_step_worked_out_by_hand():
    # L(w) = ||w||^2/2 at (3, 4): gradient (3, 4), norm 5; radius 1/2: to (3.3, 4.4), whose gradient is itself
    x, y = (nn.Parameter(torch.tensor(v, dtype=torch.float64)) for v in (3.0, 4.0))
    optimizer = SAM([x, y], torch.optim.SGD, rho=0.5, lr=0.1)

    def differentiate():
        ((x**2 + y**2) / 2).backward()

    differentiate()
    optimizer.first_step(zero_grad=True)
    assert (x.item(), y.item()) == pytest.approx((3.3, 4.4))
    assert x.grad is None
    differentiate()
    optimizer.second_step(zero_grad=True)
    assert (x.item(), y.item()) == pytest.approx((3 - 0.33, 4 - 0.44))


def test_averages_are_held_and_follow_again():
    norm = nn.BatchNorm1d(2)
    hold_averages(norm)
    norm(torch.randn(8, 2) + 5)
    assert torch.equal(norm.running_mean, torch.zeros(2))
    release_averages(norm)
    norm(torch.ones(8, 2))
    torch.testing.assert_close(norm.running_mean, torch.full((2,), 0.1))


@pytest.mark.parametrize("pair", PAIRS[:2], ids=lambda pair: pair.name)
def test_ours_and_theirs_go_the_same_way(pair):
    assert apart(pair, CPU) < 1e-10


@pytest.mark.parametrize("pair", PAIRS[2:], ids=lambda pair: pair.name)
def test_ours_and_those_of_pytorch_optimizer_go_the_same_way(pair, peers):
    assert apart(pair, CPU) < pair.tolerance


def test_another_radius_would_be_seen():
    other = replace(PAIRS[1], alike=loops.ours("sam", rho=loops.RHO * 1.01))
    assert apart(other, CPU) > 1e-3


def test_passes_that_they_make(peers):
    # in a cycle of five steps: SGD one a step, SAM and GSAM two; LookSAM two, its own closure's included
    assert [passes_of(pair, 5, CPU) for pair in PAIRS] == [5, 10, 10, 10, 10]


def test_without_the_package_it_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr(loops, "FOLDER", tmp_path)
    with pytest.raises(SpecError, match="make peers"):
        loops.find_peers()
