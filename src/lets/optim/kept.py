"""The gradient of a validation batch, kept because the next step may train on that very batch.

At theta_{t+1} LETS differentiates the loss of the validation batch. If the next training batch is the same
object and nothing changed since, this is the gradient the next step begins with: LETS in three passes
instead of four.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from . import batches
from .passes import Gradient, LossFunction
from .weights import Weights


@dataclass(frozen=True)
class Kept:
    """A gradient, what BatchNorm's buffers would be after its pass, and how to tell that both still hold."""

    gradient: Gradient
    buffers: list[Tensor]
    batch: Any
    circumstances: object

    def holds(self, batch: Any, circumstances: object) -> bool:
        """Whether a pass over `batch` would now be the one that was kept."""
        if batch is not self.batch or self.circumstances is None:
            return False
        return self.circumstances == circumstances

    def tensors(self) -> list[Tensor]:
        """All that was kept."""
        gradient = self.gradient
        return [gradient.losses, gradient.loss, *gradient.vector.blocks, *self.buffers]

    def placed(self, tensors: Sequence[Tensor], batch: Any, circumstances: object) -> "Kept":
        """The same for what lies in `tensors`, ordered as `tensors()` are."""
        losses, loss, *rest = tensors
        count = len(self.gradient.vector.blocks)
        vector = replace(self.gradient.vector, blocks=tuple(rest[:count]), _norm=None)
        return Kept(Gradient(losses, loss, vector, vector), rest[count:], batch, circumstances)


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
    loss_fn: LossFunction,
    batch: Any,
) -> object:
    """Changes whenever a pass of `loss_fn` over `batch` would give other numbers; None if that cannot be told."""
    content = batches.versions(batch)
    if content is None:
        return None
    modes = [module.training for module in modules]
    return content, weights.versions(), [b._version for b in buffers], modes, variables(loss_fn)


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
