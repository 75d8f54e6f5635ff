"""The layout of vectors: the entries of all parameters side by side, in one block per device and dtype.

A network has many tensors and most of them are small. Laid out in blocks, gradients and directions are vectors that
a handful of kernels work on, whatever the network. The parameters themselves stay where they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import is_

import torch
from torch import Tensor
from torch._C._nn import flatten_dense_tensors

STRETCH = 2**14
"""numbers summed in one go on a CPU; a GPU sums in a tree, so a block of any length"""

Present = tuple[bool, ...]
"""for each parameter, whether a vector has an entry for it; without one it is zero there"""


class Storage:
    """The places of `parameters`, which are listed in the order of the base optimizer's groups."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = list(parameters)
        self._forms = list(map(_form, parameters))
        self.all: Present = (True,) * len(self.parameters)
        kinds = list(dict.fromkeys((p.device, p.dtype) for p in self.parameters))
        block_of = [kinds.index((p.device, p.dtype)) for p in self.parameters]
        self._members = [[i for i, b in enumerate(block_of) if b == block] for block in range(len(kinds))]
        self._places = [_Place.of(p, block) for p, block in zip(self.parameters, block_of, strict=True)]
        self._plain = len(kinds) == 1 and all(place.order is None for place in self._places)
        length = max((sum(self._places[i].size for i in members) for members in self._members), default=0)
        self.short = length <= STRETCH and all(dtype.itemsize >= 4 for _, dtype in kinds)
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
        places = self._places
        return [blocks[place.block].as_strided(place.shape, place.stride, place.start) for place in places]


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
                order, stride = None, torch.empty(parameter.shape, device="meta").stride()
        zero = parameter.detach().new_zeros(()).expand(parameter.numel())
        return cls(block, 0, parameter.numel(), parameter.shape, stride, order, zero)

    def flat(self, tensor: Tensor | None) -> Tensor:
        """A tensor like the parameter as the block has it, [size]; a view if its memory is ordered alike."""
        if tensor is None:
            return self.zero
        return tensor.reshape(-1) if self.order is None else tensor.permute(self.order).reshape(-1)
