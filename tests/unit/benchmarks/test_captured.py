"""The steps that `lets bench captured` times, with a tape in place of a graph: the same as those one by one."""

import pytest
import torch
from benchmarks.captured import STEPS, captured, eager, measure, over_three_passes
from benchmarks.problem import Problem
from benchmarks.result import Conditions
from tests.unit.optim.tape import Tapes

from lets.errors import SpecError
from lets.optim import captured as module

GIVEN = Conditions(rounds=2, quick=True)


@pytest.fixture(autouse=True)
def taped(monkeypatch):
    monkeypatch.setattr(module, "CudaGraphs", lambda device: Tapes())


def problem():
    return Problem("resnet-small", 8, torch.device("cpu"))


@pytest.mark.parametrize("method", ["sam", "lets-sam"])
def test_both_take_the_same_steps(method):
    one, other = problem(), problem()
    steps, fast = eager(one, method), captured(other, method)  # which has taken some, to record
    for _ in range(-(-(2 * module.WARM_UP + STEPS) // STEPS)):
        steps(0)
    steps(0), fast(0)
    for p, q in zip(one.model.parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-6)


def test_three_passes_of_lets_beside_three_steps_of_erm():
    row, control = over_three_passes("resnet-small", 8, GIVEN)
    assert row["variant"] == control["variant"] == "lets-sam over 3 × erm"
    assert row["rounds"] == 2


def test_without_a_gpu_it_says_what_to_run():
    with pytest.raises(SpecError, match=r"test_captured\.py"):
        measure(GIVEN)
