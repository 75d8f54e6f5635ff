"""Flat vectors against their parameters one by one; what is not present is zero."""

import pytest
import torch

from lets.optim.vectors import Storage, Vector, joined, reciprocal

PARAMETERS = [torch.zeros(2), torch.zeros(()), torch.zeros(1), torch.zeros(3)]
STORAGE = Storage(PARAMETERS)
A = [torch.tensor([1.0, 2.0]), torch.tensor(3.0), None, None]
B = [torch.tensor([4.0, 5.0]), None, torch.tensor([6.0]), None]


def vector(parts, storage=STORAGE):
    return Vector(storage.gather(parts), tuple(x is not None for x in parts), storage)


def numbers(v):
    return [None if x is None else x.tolist() for x in v.parts()]


def test_arithmetic():
    a, b = vector(A), vector(B)
    assert numbers(a) == [[1, 2], 3, None, None]
    assert numbers(a + b) == [[5, 7], 3, [6], None]
    assert numbers(a - b) == [[-3, -3], 3, [-6], None]
    assert numbers(a * b) == [[4, 10], None, None, None]
    assert numbers(a * 2.0) == numbers(a * torch.tensor(2.0)) == [[2, 4], 6, None, None]
    assert numbers(2.0 * a) == numbers(torch.tensor(2.0) * a) == numbers(2 * a) == [[2, 4], 6, None, None]
    assert numbers(-a) == [[-1, -2], -3, None, None]
    assert numbers(a / 2) == numbers(a / torch.tensor(2.0)) == [[0.5, 1], 1.5, None, None]


@pytest.mark.parametrize(
    "wrong",
    [lambda a: a + 1, lambda a: 1 + a, lambda a: a - torch.ones(()), lambda a: 1 - a, lambda a: a / a],
)
def test_what_has_no_meaning_is_refused(wrong):
    with pytest.raises(TypeError, match=r"unsupported operand.*Vector"):
        wrong(vector(A))


def test_blocks_may_be_parts_of_larger_ones():
    """As the gradients of several ranks are, which are reduced in one piece with their losses."""
    (block,) = vector(A).blocks
    within = torch.cat([torch.full((5,), 9.0), block])[5:]
    assert numbers(Vector((within,), (True,) * 4, STORAGE)) == [[1, 2], 3, [0], [0, 0, 0]]


def test_joint_norm_and_product():
    nothing = vector([None] * 4)
    assert vector(A).norm().item() == pytest.approx(14**0.5)
    assert vector(A).dot(vector(B)).item() == 14
    assert nothing.norm().item() == nothing.dot(nothing).item() == 0
    assert numbers(nothing * reciprocal(nothing.norm()) * 2.0) == [None] * 4
    assert not (nothing * reciprocal(nothing.norm())).blocks[0].any()
    assert reciprocal(torch.tensor(4.0)) == 0.25


def test_only_some_parameters():
    v = vector(A).only((True, False, True, True))
    assert numbers(v) == [[1, 2], None, None, None]
    assert v.norm().item() == pytest.approx(5**0.5)
    assert v.only((True, True, True, True)) is v


def test_one_by_one():
    taken = vector(A).one_by_one()
    assert [v.norm().item() for v in taken] == pytest.approx([5**0.5, 3, 0, 0])
    assert numbers(joined(taken)) == numbers(vector(A))


def test_a_function_of_each_tensor():
    v = vector(A)
    assert numbers(v.map(torch.neg)) == [[-1, -2], -3, None, None]
    assert not v.map(torch.exp).blocks[0][3:].any()  # what is not present stays zero
    assert numbers(v.map(lambda x: x.double().square().sum())) == [[5, 5], 9, None, None]
    assert v.map(torch.Tensor.double).blocks[0].dtype == torch.float32
    with pytest.raises(RuntimeError):
        v.map(lambda x: torch.ones(7))


def test_a_function_sees_the_shape_and_leaves_the_order_in_memory():
    weight = torch.arange(120.0).reshape(2, 3, 4, 5).to(memory_format=torch.channels_last)
    v = vector([weight], Storage([weight]))
    norms = v.map(lambda x: torch.linalg.vector_norm(x, dim=(1, 2, 3), keepdim=True)).parts()[0]
    assert norms.stride() == weight.stride()
    torch.testing.assert_close(norms[1, 2, 3, 4].item(), (weight[1] ** 2).sum().sqrt().item())


def test_a_vector_of_other_numbers():
    assert numbers(vector(A).like(B)) == numbers(vector(B))


def test_low_precision_keeps_the_scalar_and_sums_in_single_precision():
    ones = torch.ones(1001, dtype=torch.bfloat16)  # which has no 1001
    v = vector([ones], Storage([ones]))
    assert v.dot(v).item() == 1001
    assert v.norm().item() == pytest.approx(1001**0.5, rel=1e-6)
    scaled = v * torch.tensor(0.333251953125)
    assert scaled.blocks[0].dtype == torch.bfloat16
    assert scaled.blocks[0][0] == torch.tensor(0.333251953125).bfloat16()


def test_long_sums_do_not_drift():
    x = torch.full((3_000_000,), 0.01)
    v = vector([x], Storage([x]))
    assert v.norm().item() == pytest.approx(0.01 * 3_000_000**0.5, rel=1e-5)
    assert v.dot(v).item() == pytest.approx(300, rel=2e-5)
