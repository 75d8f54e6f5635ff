"""The gradient of a validation batch, kept because the next step may train on that very batch.

At theta_{t+1} LETS differentiates the loss of the validation batch. If the next training batch is the same
object and nothing changed since, this is the gradient the next step begins with: LETS in three passes
instead of four.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .passes import Gradient, LossFunction, Region, leaves, versions
from .undo import Buffers, Snapshot
from .vectors import Weights, copied


@dataclass(frozen=True)
class Content:
    """Copies of the numbers that a pass was made from."""

    weights: list[Tensor]
    buffers: list[Tensor]
    batch: list[Tensor]

    @classmethod
    def of(cls, weights: list[Tensor], buffers: list[Tensor], batch: Any) -> "Content":
        """Weights and buffers are copies already; the batch is copied."""
        return cls(weights, buffers, copied(leaves(batch)))

    def pairs(
        self, weights: list[Tensor], buffers: list[Tensor], batch: Any
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """What was there beside what is there now."""
        for then, now in (
            (self.weights, weights),
            (self.buffers, buffers),
            (self.batch, leaves(batch)),
        ):
            yield from zip(then, now, strict=True)


@dataclass(frozen=True)
class CachedGradient:
    """A gradient, the buffers after its pass, and how to tell that both still hold."""

    gradient: Gradient
    buffers: Buffers
    batch: Any
    fingerprint: object
    content: Content

    def is_valid(
        self, batch: Any, fingerprint: object, now: Snapshot, hear_later: Callable[[Tensor], None]
    ) -> bool:
        """Whether a pass over `batch` would give this gradient.

        Numbers on a device are compared there: `hear_later` gets the answer, a bool scalar, and what is returned holds
        if it does. Versions do not see what is written through `.data`.
        """
        if batch is not self.batch or self.fingerprint is None or self.fingerprint != fingerprint:
            return False
        on_host, elsewhere = True, list[Tensor]()
        for then, there in self.content.pairs(now.weights, now.buffers.values, batch):
            if then.device.type == "cpu":
                on_host = on_host and torch.equal(_bits(then), _bits(there))
            else:
                elsewhere.append((_bits(then) == _bits(there)).all())
        if on_host and elsewhere:
            hear_later(torch.stack(elsewhere).all())
        return on_host


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


def fingerprint(
    modules: Sequence[nn.Module],
    buffers: Sequence[Tensor],
    weights: Weights,
    regions: list[Region],
    loss_fn: LossFunction,
    batch: Any,
) -> object:
    """Changes whenever a pass of `loss_fn` over `batch` would give other numbers; None if that cannot be told.

    What it does not see is written through `.data`: `CachedGradient.holds` compares numbers.
    """
    content = versions(batch)
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


def variables(loss_fn: Any) -> list[_Same]:
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
