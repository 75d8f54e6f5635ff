"""Arithmetic on vectors that are as long as the weights: gradients, directions, the weights themselves.

Norms and products run over all parameters jointly. They are summed in the precision of the weights over short
stretches, and in float64 over those: summed in float32 alone, the norm of ten million numbers is wrong in the
fourth digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import and_, or_

import torch
from torch import Tensor

from .storage import STRETCH, Present, Storage


@dataclass(slots=True, eq=False)
class Vector:
    """One number per weight, in flat `blocks` as `storage` has them; zero where a parameter is not `present`.

    A parameter that is frozen or has no gradient is not present. Vectors are not changed in place.
    """

    blocks: tuple[Tensor, ...]
    present: Present
    storage: Storage
    _norm: Tensor | None = None

    def __add__(self, other: "Vector") -> "Vector":
        blocks = tuple(a + b for a, b in zip(self.blocks, other.blocks, strict=True))
        return Vector(blocks, self._either(other), self.storage)

    def __sub__(self, other: "Vector") -> "Vector":
        blocks = tuple(a - b for a, b in zip(self.blocks, other.blocks, strict=True))
        return Vector(blocks, self._either(other), self.storage)

    def __mul__(self, other: "Vector | Tensor | float") -> "Vector":
        """Element by element, or by a scalar."""
        if isinstance(other, Vector):
            blocks = tuple(a * b for a, b in zip(self.blocks, other.blocks, strict=True))
            return Vector(blocks, self._both(other), self.storage)
        return Vector(tuple(_scaled(a, other) for a in self.blocks), self.present, self.storage)

    def dot(self, other: "Vector") -> Tensor:
        """Inner product, a float64 scalar."""
        if self.storage.short:
            sums = list(map(torch.dot, self.blocks, other.blocks))
        else:
            sums = list(map(torch.dot, _stretches(self.blocks), _stretches(other.blocks)))
        return sums[0].double() if len(sums) == 1 else _total(sums)

    def norm(self) -> Tensor:
        """Euclidean norm, a float64 scalar."""
        if self._norm is None:
            self._norm = self.dot(self).sqrt()
        return self._norm

    def only(self, wanted: Present) -> "Vector":
        """The same with zero for all parameters but the `wanted` ones."""
        present = tuple(map(and_, self.present, wanted))
        if present == self.present:
            return self
        segments = zip(self.storage.segments(self.blocks), present, strict=True)
        kept = [x if here else torch.zeros_like(x) for x, here in segments]
        return Vector(self.storage.joined(kept), present, self.storage)

    def placed(self, storage: Storage) -> "Vector":
        """The same entries for the parameters of `storage`; those that are new, or have another shape, have none."""
        if storage is self.storage:
            return self
        known = dict(zip(self.storage.parameters, self.parts(), strict=True))
        found = [known.get(p) for p in storage.parameters]
        pairs = zip(found, storage.parameters, strict=True)
        fitting = [x.to(p) if x is not None and x.shape == p.shape else None for x, p in pairs]
        return Vector(storage.gather(fitting), tuple([x is not None for x in fitting]), storage)

    def parts(self) -> list[Tensor | None]:
        """A view per parameter, in its shape; None if it is not present."""
        views = zip(self.storage.views(self.blocks), self.present, strict=True)
        return [x if here else None for x, here in views]

    def one_by_one(self) -> "list[Vector]":
        """A vector per parameter, for norms and products of each alone; `joined` puts them together again."""
        segments = zip(self.storage.segments(self.blocks), self.present, strict=True)
        return [Vector((x,), (here,), self.storage) for x, here in segments]

    def _either(self, other: "Vector") -> Present:
        return self.present if self.present == other.present else tuple(map(or_, self.present, other.present))

    def _both(self, other: "Vector") -> Present:
        return (
            self.present if self.present == other.present else tuple(map(and_, self.present, other.present))
        )


def joined(vectors: Sequence[Vector]) -> Vector:
    """What `one_by_one` took apart."""
    storage = vectors[0].storage
    present = tuple(v.present[0] for v in vectors)
    return Vector(storage.joined([v.blocks[0] for v in vectors]), present, storage)


def reciprocal(x: Tensor) -> Tensor:
    """1/x for a norm x; of a norm below 1e-20 a number so large that the zero vector stays zero, and moves nothing."""
    return x.clamp_min(1e-20).reciprocal()


def _scaled(block: Tensor, factor: Tensor | float) -> Tensor:
    if isinstance(factor, Tensor) and factor.device != block.device:
        factor = factor.to(block.device)
    if block.element_size() < 4:  # the factor keeps its precision
        return (block.float() * factor).to(block.dtype)
    return block * factor


def _stretches(blocks: tuple[Tensor, ...]) -> list[Tensor]:
    """What is summed in one go; low precision in float32."""
    wide = [x.float() if x.element_size() < 4 else x for x in blocks]
    return [part for x in wide for part in torch.split(x, STRETCH if x.device.type == "cpu" else len(x))]


def _total(sums: list[Tensor]) -> Tensor:
    """A float64 scalar on the device of the first."""
    total: Tensor = torch.stack([x.to(sums[0].device, torch.float64) for x in sums]).sum()
    return total
