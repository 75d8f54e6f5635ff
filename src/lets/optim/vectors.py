"""The weights, and arithmetic on vectors that are as long: gradients, directions, the weights themselves.

Norms and products run over all parameters jointly. They are summed in the precision of the weights over short
stretches, and in float64 over those: summed in float32 alone, the norm of ten million numbers is wrong in the
fourth digit.

A network has many tensors and most of them are small. Laid out in blocks, one per device and dtype, gradients and
directions are vectors that a handful of kernels work on, whatever the network.

The parameters themselves keep their own storage, and so a model is saved, copied, shared and moved as if there were no
method. Nothing is remembered of where they lie: user code runs in every pass and in the base optimizer, and may give a
parameter other memory at any time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from operator import and_, is_, or_

import torch
from torch import Tensor, nn
from torch._C._nn import flatten_dense_tensors, unflatten_dense_tensors
from torch.optim import Optimizer

from .refusals import refuse_parameters, refuse_replaced, refuse_shared_memory
from .sharded import Shards, holders, is_spread, like, summed

CHUNK = 2**14
"""numbers summed in one go on a CPU; a GPU sums in a tree, so a block of any length"""

Mask = tuple[bool, ...]
"""for each parameter, whether a vector has an entry for it; without one it is zero there"""


class Storage:
    """The places of `parameters`, which are listed in the order of the base optimizer's groups.

    Of parameters that are spread over processes, the `owners`, they are the shards held here.
    """

    def __init__(self, parameters: Sequence[Tensor], owners: Sequence[Tensor] | None = None) -> None:
        self.parameters = list(parameters)
        self.owners = self.parameters if owners is None else list(owners)
        self.spread = any(map(is_spread, self.owners))
        self._forms = list(map(_form, parameters))
        self.all: Mask = (True,) * len(self.parameters)
        kind_of = [(p.device, p.dtype, n) for p, n in zip(self.parameters, holders(self.owners), strict=True)]
        kinds = list(dict.fromkeys(kind_of))
        block_of = [kinds.index(kind) for kind in kind_of]
        self.holders = [n for _, _, n in kinds]
        """for each block, how many processes have the same one"""
        self._members = [[i for i, b in enumerate(block_of) if b == block] for block in range(len(kinds))]
        self._places = [_Place.of(p, block) for p, block in zip(self.parameters, block_of, strict=True)]
        several = len(self.parameters) > 1  # flattened, a single tensor would be no copy
        self._plain = several and len(kinds) == 1 and all(place.order is None for place in self._places)
        self._usual = self._plain and all(p.stride() == _usual_stride(p) for p in self.parameters)
        length = max((sum(self._places[i].size for i in members) for members in self._members), default=0)
        self.short = length <= CHUNK and all(dtype.itemsize >= 4 for _, dtype, _ in kinds)
        for members in self._members:
            starts = accumulate((self._places[i].size for i in members), initial=0)
            for i, start in zip(members, starts, strict=False):
                self._places[i].start = start

    def fits(self, parameters: Sequence[Tensor]) -> bool:
        """Whether these are the same parameters in the same order, still of the same shape, layout and precision."""
        return (
            len(parameters) == len(self.parameters)
            and all(map(is_, parameters, self.parameters))
            and list(map(_form, parameters)) == self._forms
        )

    def gather(self, tensors: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
        """New blocks with a copy of `tensors`, one like each parameter; None is zero."""
        there = [x for x in tensors if x is not None]
        if self._plain and len(there) == len(tensors):
            return (flatten_dense_tensors(there),)
        return self.joined([place.flat(x) for place, x in zip(self._places, tensors, strict=True)])

    def vector(self, tensors: Sequence[Tensor | None]) -> "Vector":
        """A vector with a copy of `tensors`, one like each parameter or None."""
        mask = tuple([x is not None for x in tensors])
        return Vector(self.gather(tensors), self.all if mask == self.all else mask, self)

    def joined(self, segments: list[Tensor]) -> tuple[Tensor, ...]:
        """New blocks made of flat parts in the order of the parameters."""
        if len(self._members) == 1:
            return (torch.cat(segments),)
        return tuple([torch.cat([segments[i] for i in members]) for members in self._members])

    def segments(self, blocks: Sequence[Tensor]) -> Iterator[Tensor]:
        """The parts of `blocks`, flat, in the order of the parameters."""
        return (blocks[place.block].narrow(0, place.start, place.size) for place in self._places)

    def views(self, blocks: Sequence[Tensor]) -> list[Tensor]:
        """The parts of `blocks` in the shapes of the parameters, in their order."""
        if self._usual:
            return list(unflatten_dense_tensors(blocks[0], self.parameters))
        starts = [block.storage_offset() for block in blocks]
        return [
            blocks[place.block].as_strided(place.shape, place.stride, starts[place.block] + place.start)
            for place in self._places
        ]


def _usual_stride(parameter: Tensor) -> tuple[int, ...]:
    """Strides of a new tensor of this shape; of a dimension of length 1 others do, too, but kernels compare them."""
    return torch.empty(parameter.shape, device="meta").stride()


def _form(parameter: Tensor) -> object:
    return parameter.shape, parameter.stride(), parameter.dtype, parameter.device


@dataclass
class _Place:
    """Where one parameter lies; `order`: its dimensions as they follow in memory, None if as usual."""

    block: int
    start: int
    size: int
    shape: torch.Size
    stride: tuple[int, ...]
    order: tuple[int, ...] | None
    zero: Tensor

    @classmethod
    def of(cls, parameter: Tensor, block: int) -> "_Place":
        """The order in memory is kept (channels last, say) if the parameter fills its memory without gaps."""
        order: tuple[int, ...] | None = None
        stride: tuple[int, ...] = parameter.stride()
        if not parameter.is_contiguous():
            order = tuple(sorted(range(parameter.dim()), key=parameter.stride, reverse=True))
            if not parameter.detach().permute(order).is_contiguous():
                order, stride = None, _usual_stride(parameter)
        zero = parameter.detach().new_zeros(()).expand(parameter.numel())
        return cls(block, 0, parameter.numel(), parameter.shape, stride, order, zero)

    def flat(self, tensor: Tensor | None) -> Tensor:
        """A tensor like the parameter as the block has it, [size]; a view if its memory is ordered alike."""
        if tensor is None:
            return self.zero
        return tensor.reshape(-1) if self.order is None else tensor.permute(self.order).reshape(-1)


@dataclass(slots=True, eq=False)
class Vector:
    """One number per weight, in flat `blocks` as `storage` has them; zero where `mask` is False.

    A parameter that is frozen or has no gradient is not present. Vectors are not changed in place.
    """

    blocks: tuple[Tensor, ...]
    mask: Mask
    storage: Storage
    _norm: Tensor | None = None

    def __add__(self, other: "Vector") -> "Vector":
        if not isinstance(other, Vector):
            return NotImplemented
        blocks = tuple(a + b for a, b in zip(self.blocks, other.blocks, strict=True))
        return Vector(blocks, self._either(other), self.storage)

    def __sub__(self, other: "Vector") -> "Vector":
        if not isinstance(other, Vector):
            return NotImplemented
        blocks = tuple(a - b for a, b in zip(self.blocks, other.blocks, strict=True))
        return Vector(blocks, self._either(other), self.storage)

    def __mul__(self, other: "Vector | Tensor | float") -> "Vector":
        """Element by element, or by a scalar."""
        if isinstance(other, Vector):
            blocks = tuple(a * b for a, b in zip(self.blocks, other.blocks, strict=True))
            return Vector(blocks, self._both(other), self.storage)
        return Vector(tuple(_scaled(a, other) for a in self.blocks), self.mask, self.storage)

    __rmul__ = __mul__

    def __truediv__(self, other: Tensor | float) -> "Vector":
        """By a scalar: times its reciprocal."""
        if isinstance(other, Vector):
            return NotImplemented
        return self * (1 / other)

    def __neg__(self) -> "Vector":
        return Vector(tuple([-block for block in self.blocks]), self.mask, self.storage)

    def dot(self, other: "Vector") -> Tensor:
        """Inner product, a float64 scalar."""
        if self.storage.spread:
            pairs = zip(self.blocks, other.blocks, strict=True)
            products = [_total(list(map(torch.dot, _chunks_of((a,)), _chunks_of((b,))))) for a, b in pairs]
            return summed(products, self.storage.holders)
        if self.storage.short:
            sums = list(map(torch.dot, self.blocks, other.blocks))
        else:
            sums = list(map(torch.dot, _chunks_of(self.blocks), _chunks_of(other.blocks)))
        return sums[0].double() if len(sums) == 1 else _total(sums)

    def norm(self) -> Tensor:
        """Euclidean norm, a float64 scalar."""
        if self._norm is None:
            self._norm = self.dot(self).sqrt()
        return self._norm

    def only(self, wanted: Mask) -> "Vector":
        """The same with zero for all parameters but the `wanted` ones."""
        mask = tuple(map(and_, self.mask, wanted))
        if mask == self.mask:
            return self
        segments = zip(self.storage.segments(self.blocks), mask, strict=True)
        kept = [x if here else torch.zeros_like(x) for x, here in segments]
        return Vector(self.storage.joined(kept), mask, self.storage)

    def rebind(self, storage: Storage) -> "Vector":
        """The same entries for the parameters of `storage`; those that are new, or have another shape, have none."""
        if storage is self.storage:
            return self
        known = dict(zip(self.storage.parameters, self.parts(), strict=True))
        found = [known.get(p) for p in storage.parameters]
        pairs = zip(found, storage.parameters, strict=True)
        fitting = [x.to(p) if x is not None and x.shape == p.shape else None for x, p in pairs]
        return storage.vector(fitting)

    def parts(self) -> list[Tensor | None]:
        """A view per parameter, in its shape; None if it is not present."""
        views = zip(self.storage.views(self.blocks), self.mask, strict=True)
        return [x if here else None for x, here in views]

    def like(self, parts: Sequence[Tensor | None]) -> "Vector":
        """A vector of other numbers: a tensor per parameter, in its shape, or None, as `parts` gives them."""
        return self.storage.vector(parts)

    def map(self, function: Callable[[Tensor], Tensor]) -> "Vector":
        """`function` of the numbers of each parameter, a tensor in its shape: `gradient.map(torch.sign)`.

        It returns a tensor of that shape, or one that is spread over it, such as a norm.
        """
        return self.like([x if x is None else function(x).to(x).expand_as(x) for x in self.parts()])

    def one_by_one(self) -> "list[Vector]":
        """A vector per parameter, for norms and products of each alone; `joined` puts them together again."""
        segments = zip(self.storage.segments(self.blocks), self.mask, strict=True)
        return [Vector((x,), (here,), self.storage) for x, here in segments]

    def _either(self, other: "Vector") -> Mask:
        return self.mask if self.mask == other.mask else tuple(map(or_, self.mask, other.mask))

    def _both(self, other: "Vector") -> Mask:
        return self.mask if self.mask == other.mask else tuple(map(and_, self.mask, other.mask))


def joined(vectors: Sequence[Vector]) -> Vector:
    """What `one_by_one` took apart."""
    storage = vectors[0].storage
    mask = tuple(v.mask[0] for v in vectors)
    return Vector(storage.joined([v.blocks[0] for v in vectors]), mask, storage)


def reciprocal(x: Tensor) -> Tensor:
    """1/x for a norm x; of a norm below 1e-20 a number so large that the zero vector stays zero, and moves nothing."""
    return x.clamp_min(1e-20).reciprocal()


def _scaled(block: Tensor, factor: Tensor | float) -> Tensor:
    if isinstance(factor, Tensor) and factor.device != block.device:
        factor = factor.to(block.device)
    if block.element_size() < 4:  # the factor keeps its precision
        return (block.float() * factor).to(block.dtype)
    return block * factor


def _chunks_of(blocks: tuple[Tensor, ...]) -> list[Tensor]:
    """What is summed in one go; low precision in float32."""
    wide = [x.float() if x.element_size() < 4 else x for x in blocks]
    return [part for x in wide for part in torch.split(x, CHUNK if x.device.type == "cpu" else len(x))]


def _total(sums: list[Tensor]) -> Tensor:
    """A float64 scalar on the device of the first."""
    total: Tensor = torch.stack([x.to(sums[0].device, torch.float64) for x in sums]).sum()
    return total


class Weights:
    """The parameters that `optimizer` updates, in the order of its groups; `model` tells their names.

    Frozen ones of whole numbers or 8 bits, which nothing moves, are left out. `by_backward`: gradients are made by
    `backward`, as those of spread parameters must be. Everything but `look` is to be called under `torch.no_grad()`.
    """

    def __init__(self, optimizer: Optimizer, model: nn.Module, by_backward: bool = False) -> None:
        self._optimizer, self._model, self._by_backward = optimizer, model, by_backward
        self._shards = Shards()
        self._of_model: list[Tensor] = []
        self.storage = Storage([])
        self._spare: tuple[tuple[Tensor, ...], list[Tensor]] | None = None
        self.look(list(model.modules()))

    def look(self, modules: Sequence[nn.Module]) -> None:
        """Find the parameters again; `modules` are those of the model.

        ValueError or TypeError if they cannot be perturbed, share memory, or are no longer those of the model.
        """
        of_model: list[Tensor] = [p for m in modules for p in m._parameters.values() if p is not None]
        self._everything = [p for group in self._optimizer.param_groups for p in group["params"]]
        if not _same(of_model, self._of_model):
            refuse_replaced(self._everything, self._of_model, of_model, self._model)
            self._of_model = of_model
        parameters = [p for p in self._everything if p.requires_grad or _has_fractions(p)]
        self._trainable = tuple([p.requires_grad for p in parameters])
        held = self._shards.of(parameters)
        if not self.storage.fits(held):
            refuse_parameters(held if self._by_backward else parameters, self._model)
            self.storage = Storage(held, parameters)
        refuse_shared_memory(held, self._model)

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters of the base optimizer, frozen ones included; of spread ones what is held here."""
        return self.storage.parameters

    @property
    def device(self) -> torch.device:
        """The device of the first parameter."""
        return self.parameters[0].device

    def trainable(self) -> Mask:
        """Which parameters were not frozen when `look` was called."""
        return self._trainable

    def theta(self) -> Vector:
        """The weights as a vector: a copy; frozen ones are zero, like all that is not present."""
        return self.values().only(self.trainable())

    def values(self) -> Vector:
        """The same with the frozen ones."""
        return Vector(self.storage.gather(self.parameters), self.storage.all, self.storage)

    def copy(self) -> list[Tensor]:
        """A copy of every parameter, for `restore`."""
        return copied(self.parameters)

    def restore(self, values: list[Tensor]) -> None:
        """Put a copy back, bit for bit."""
        torch._foreach_copy_(self.parameters, values)

    @contextmanager
    def moved(self, theta: list[Tensor], by: Vector) -> Iterator[None]:
        """At `theta`, where the weights are, plus `by`; the way back goes by the copy, because subtracting drifts.

        The memory of `by` is used for the next gradient that is handed over.
        """
        views = self.storage.views(by.blocks)
        torch._foreach_add_(self.parameters, views)
        try:
            yield
        finally:
            self.restore(theta)
        self._spare = by.blocks, views

    @contextmanager
    def preserved(self, theta: list[Tensor]) -> Iterator[None]:
        """The weights are `theta` again afterwards, whatever happens to them."""
        try:
            yield
        finally:
            self.restore(theta)

    def set_grad(self, gradient: Vector) -> None:
        """Make a copy of `gradient` what the base optimizer finds; what lay in `.grad` before is ignored."""
        blocks, views = self._spare or self._room_for(gradient)
        if len(self._everything) > len(self.parameters):
            self.clear_gradients()
        for block, values in zip(blocks, gradient.blocks, strict=True):
            block.copy_(values)
        for owner, view, here in zip(self.storage.owners, views, gradient.mask, strict=True):
            owner.grad = like(owner, view) if here else None

    def _room_for(self, gradient: Vector) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        blocks = tuple([torch.empty_like(block) for block in gradient.blocks])
        return blocks, self.storage.views(blocks)

    def clear_gradients(self) -> None:
        """Leave no gradient behind: a second step of the base optimizer does nothing."""
        for parameter in self._everything:
            parameter.grad = None
        self._spare = None

    def versions(self) -> tuple[Storage, list[tuple[int, int, bool]]]:
        """Changes if the weights do, but for writes through `.data`; if they lie elsewhere, or are frozen."""
        return self.storage, [(p._version, p.data_ptr(), p.requires_grad) for p in self.parameters]


def copied(tensors: Sequence[Tensor]) -> list[Tensor]:
    """A copy of each, under `torch.no_grad()`."""
    return _clones(tensors) if tensors else []


def _one_by_one(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [x.clone() for x in tensors]


_clones: Callable[[Sequence[Tensor]], list[Tensor]] = getattr(torch, "_foreach_clone", _one_by_one)


def _has_fractions(parameter: Tensor) -> bool:
    return parameter.is_floating_point() and parameter.element_size() >= 2


def _same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return len(a) == len(b) and all(map(is_, a, b))
