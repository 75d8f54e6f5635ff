"""The gradient of a validation batch, kept because the next step may train on that very batch.

At theta_{t+1} LETS differentiates the loss of the validation batch. If the next training batch is the same
object and nothing changed since, this is the gradient the next step begins with: LETS in three passes
instead of four.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from . import batches, batchnorm
from .passes import Gradient, LossFunction
from .weights import Weights


@dataclass(frozen=True)
class Kept:
    """A gradient, what BatchNorm's buffers would be after its pass, and how to tell that both still hold."""

    gradient: Gradient
    buffers: list[Tensor]
    loss_fn: LossFunction
    batch: Any
    circumstances: object

    def holds(self, loss_fn: LossFunction, batch: Any, circumstances: object) -> bool:
        """Whether a pass of `loss_fn` over `batch` would now be the one that was kept."""
        if batch is not self.batch or self.circumstances is None:
            return False
        return self.circumstances == circumstances and _same_function(loss_fn, self.loss_fn)


def circumstances(model: nn.Module, weights: Weights, batch: Any) -> object:
    """Changes whenever a pass over `batch` would give other numbers; None if that cannot be told."""
    content = batches.versions(batch)
    if content is None:
        return None
    modes = [module.training for module in model.modules()]
    return content, weights.versions(), [b._version for b in batchnorm.buffers(model)], modes


def _same_function(a: LossFunction, b: LossFunction) -> bool:
    """Equal, or the same code over the same variables, as a lambda written inside a loop is.

    When in doubt they differ, which costs a pass and no correctness.
    """
    if a == b:
        return True
    code = getattr(a, "__code__", None)
    return code is not None and code is getattr(b, "__code__", None) and _variables(a) == _variables(b)


def _variables(function: Any) -> list[int | None]:
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    return [_content(cell) for cell in function.__closure__ or ()] + [id(value) for value in defaults]


def _content(cell: Any) -> int | None:
    try:
        return id(cell.cell_contents)
    except ValueError:  # a variable without a value
        return None
