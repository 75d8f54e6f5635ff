"""Trainings side by side, as far as a CPU can tell: all of them take the steps that they are told."""

import pytest
from benchmarks.packed import STEPS, rates, side_by_side
from benchmarks.result import Conditions


def given():
    return Conditions(rounds=2, device="cpu", threads=1, quick=True, params=None)


def test_two_processes_train_side_by_side():
    row, control = side_by_side(2, "resnet-small", 8, given())
    assert row["variant"] == control["variant"] == "resnet-small"
    assert row["rounds"] == 2
    assert row["times"] == pytest.approx(2 / row["ratio"], abs=0.005)


def test_rates():
    found = rates({"seconds": 2.0, "ratio": 1.6}, runs=8, batch=128)
    assert found["images_per_second"] == 8 * STEPS * 128 / 2
    assert found["times"] == 5.0
