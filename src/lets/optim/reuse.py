"""The gradient of a validation batch, kept because the next step may train on that very batch.

At theta_{t+1} LETS differentiates the loss of the validation batch. If the next training batch is the same
object and nothing changed since, this is the gradient the next step begins with: LETS in three passes
instead of four.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from . import batches
from .autocast import Region
from .passes import Gradient, LossFunction
from .snapshot import Buffers
from .weights import Weights, copied


@dataclass(frozen=True)
class Content:
    """Copies of the numbers that a pass was made from."""

    weights: list[Tensor]
    buffers: list[Tensor]
    batch: list[Tensor]

    @classmethod
    def of(cls, weights: list[Tensor], buffers: list[Tensor], batch: Any) -> "Content":
        """Weights and buffers are copies already; the batch is copied."""
        return cls(weights, buffers, copied(batches.leaves(batch)))

    def pairs(
        self, weights: list[Tensor], buffers: list[Tensor], batch: Any
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """What was there beside what is there now."""
        for then, now in (
            (self.weights, weights),
            (self.buffers, buffers),
            (self.batch, batches.leaves(batch)),
        ):
            yield from zip(then, now, strict=True)


@dataclass(frozen=True)
class Kept:
    """A gradient, the buffers after its pass, and how to tell that both still hold.

    `content` is None if the numbers are known to be the same.
    """

    gradient: Gradient
    buffers: Buffers
    batch: Any
    circumstances: object
    content: Content | None

    def holds(self, batch: Any, circumstances: object) -> bool:
        """Whether a pass over `batch` would now be the one that was kept, as far as versions tell."""
        if batch is not self.batch or self.circumstances is None:
            return False
        return self.circumstances == circumstances

    def unchanged(self, weights: list[Tensor], buffers: list[Tensor]) -> Tensor | bool:
        """Whether the numbers are what they were; a bool scalar on the device if they lie on one.

        Version counters do not see what is written through `.data`.
        """
        if self.content is None:
            return True
        on_host, elsewhere = True, list[Tensor]()
        for then, now in self.content.pairs(weights, buffers, self.batch):
            if then.device.type == "cpu":
                on_host = on_host and torch.equal(_bits(then), _bits(now))
            else:
                elsewhere.append((_bits(then) == _bits(now)).all())
        return torch.stack(elsewhere).all() if on_host and elsewhere else on_host

    def tensors(self) -> list[Tensor]:
        """All that was kept."""
        gradient = self.gradient
        return [gradient.losses, gradient.loss, *gradient.vector.blocks, *self.buffers.values]

    def placed(
        self, tensors: Sequence[Tensor], batch: Any, circumstances: object, content: Content | None = None
    ) -> "Kept":
        """The same for what lies in `tensors`, ordered as `tensors()` are."""
        losses, loss, *rest = tensors
        count = len(self.gradient.vector.blocks)
        vector = replace(self.gradient.vector, blocks=tuple(rest[:count]), _norm=None)
        buffers = self.buffers.holding(rest[count:])
        return Kept(Gradient(losses, loss, vector, vector), buffers, batch, circumstances, content)


def _bits(x: Tensor) -> Tensor:
    """Floating-point numbers as whole numbers: a NaN is equal to itself, and -0 is not 0."""
    return x.view(_WHOLE[x.element_size()]) if x.is_floating_point() else x


_WHOLE = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True, eq=False)
class _Same:
    """Equal to nothing but the very object; holding it keeps its identity from being given to another."""

    value: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    __hash__ = None  # type: ignore[assignment]


def circumstances(
    modules: Sequence[nn.Module],
    buffers: Sequence[Tensor],
    weights: Weights,
    regions: list[Region],
    loss_fn: LossFunction,
    batch: Any,
) -> object:
    """Changes whenever a pass of `loss_fn` over `batch` would give other numbers; None if that cannot be told.

    What it does not see is written through `.data`: `Kept.unchanged` compares numbers.
    """
    content = batches.versions(batch)
    if content is None:
        return None
    modes = [module.training for module in modules]
    return (
        content,
        weights.versions(),
        [(b._version, b.data_ptr()) for b in buffers],
        modes,
        regions,
        variables(loss_fn),
    )


def variables(loss_fn: Any) -> list[object]:
    """The code of `loss_fn` and the values its variables have now; a lambda written inside a loop is the same.

    When in doubt two losses differ, which costs a pass and no correctness. What stands behind a variable,
    an attribute say, is not looked at.
    """
    function = getattr(loss_fn, "__func__", loss_fn)
    code = getattr(function, "__code__", None)
    if code is None:
        return [_Same(loss_fn)]
    outer = [function.__globals__[name] for name in code.co_names if name in function.__globals__]
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    cells = [_content(cell) for cell in function.__closure__ or ()]
    owner = getattr(loss_fn, "__self__", None)
    return [_Same(value) for value in (code, owner, *outer, *defaults, *cells)]


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # a variable without a value
        return None
