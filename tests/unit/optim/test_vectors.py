"""None is zero: sums, differences and products with entries that only one vector has."""

import pytest
import torch

from lets.optim.vectors import copied, dot, minus, norm, plus, reciprocal, scaled, times

A = [torch.tensor([1.0, 2.0]), torch.tensor(3.0), None, None]
B = [torch.tensor([4.0, 5.0]), None, torch.tensor([6.0]), None]


def numbers(v):
    return [None if x is None else x.tolist() for x in v]


def test_arithmetic():
    assert numbers(plus(A, B)) == [[5, 7], 3, [6], None]
    assert numbers(minus(A, B)) == [[-3, -3], 3, [-6], None]
    assert numbers(times(A, B)) == [[4, 10], None, None, None]
    assert numbers(scaled(A, 2.0)) == numbers(scaled(A, torch.tensor(2.0))) == [[2, 4], 6, None, None]


def test_joint_norm_and_product():
    assert norm(A).item() == pytest.approx(14**0.5)
    assert dot(A, B).item() == 14
    assert norm([None]).item() == dot([None], [None]).item() == 0
    assert reciprocal(torch.tensor(0.0)) == 0
    assert reciprocal(torch.tensor(4.0)) == 0.25


def test_a_copy_shares_nothing():
    copy = copied(A)
    copy[0].zero_()
    assert numbers(A) == [[1, 2], 3, None, None]


def test_low_precision_is_scaled_in_single_precision():
    x = torch.tensor([1.0], dtype=torch.bfloat16)
    assert scaled([x], torch.tensor(0.333251953125))[0].dtype == torch.bfloat16
