"""Arithmetic on vectors that are spread over many tensors, as gradients and weights are.

Entry i belongs to parameter i. None stands for zero: a parameter that is frozen or has no gradient. All norms
and products run over all tensors jointly; each tensor is summed in its own precision, the sums in float64.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

Vector = list[Tensor | None]


def dense(v: Vector) -> list[Tensor]:
    """The entries that are not zero."""
    return [x for x in v if x is not None]


def norm(v: Vector) -> Tensor:
    """Euclidean norm over all tensors, a float64 scalar."""
    xs = dense(v)
    if not xs:
        return torch.zeros((), dtype=torch.float64)
    per_tensor = torch.stack(torch._foreach_norm(xs)).double()
    return per_tensor.square().sum().sqrt()


def dot(a: Vector, b: Vector) -> Tensor:
    """Inner product over all tensors, a float64 scalar."""
    xs, ys = _overlap(a, b)
    if not xs:
        return torch.zeros((), dtype=torch.float64)
    return (
        torch.stack([torch.dot(x.flatten(), y.flatten()) for x, y in zip(xs, ys, strict=True)]).double().sum()
    )


def scaled(v: Vector, factor: float | Tensor) -> Vector:
    """factor * v for a scalar factor."""
    xs = dense(v)
    if not xs:
        return v
    if isinstance(factor, float):
        return _fill(v, torch._foreach_mul(xs, factor))
    # In the tensors' own precision the scalar keeps _foreach_mul on its fast path; low precision keeps
    # float32.
    dtype = torch.promote_types(xs[0].dtype, torch.float32)
    return _fill(v, torch._foreach_mul(xs, factor.to(xs[0].device, dtype)))


def times(a: Vector, b: Vector) -> Vector:
    """a * b, element by element."""
    xs, ys = _overlap(a, b)
    products = iter(torch._foreach_mul(xs, ys) if xs else ())
    return [next(products) if x is not None and y is not None else None for x, y in zip(a, b, strict=True)]


def plus(a: Vector, b: Vector) -> Vector:
    """a + b."""
    xs, ys = _overlap(a, b)
    sums = iter(torch._foreach_add(xs, ys) if xs else ())
    return [y if x is None else x if y is None else next(sums) for x, y in zip(a, b, strict=True)]


def minus(a: Vector, b: Vector) -> Vector:
    """a - b."""
    xs, ys = _overlap(a, b)
    differences = iter(torch._foreach_sub(xs, ys) if xs else ())
    pairs = zip(a, b, strict=True)
    return [x if y is None else -y if x is None else next(differences) for x, y in pairs]


def reciprocal(x: Tensor) -> Tensor:
    """1/x for a norm x, and 0 for a norm of 0: a zero vector has no direction and moves nothing."""
    return torch.where(x == 0, 0.0, 1 / x)


def copied(v: Vector) -> Vector:
    """A copy that shares no memory."""
    xs = [x.detach() for x in dense(v)]
    copies = [torch.empty_like(x) for x in xs]
    if xs:
        torch._foreach_copy_(copies, xs)
    return _fill(v, copies)


def _overlap(a: Vector, b: Vector) -> tuple[list[Tensor], list[Tensor]]:
    both = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    return [x for x, _ in both], [y for _, y in both]


def _fill(pattern: Vector, xs: Iterable[Tensor]) -> Vector:
    values = iter(xs)
    return [None if p is None else next(values) for p in pattern]
