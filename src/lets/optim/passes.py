"""Forward and backward passes: from the user's per-sample losses to the gradient of their mean."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from . import batches
from .vectors import Vector, dense, plus

if TYPE_CHECKING:
    from .data_parallel import DataParallel

LossFunction = Callable[[Any], Tensor]


@dataclass(frozen=True)
class Gradient:
    """A forward-backward pass: the `losses` [n], their mean `loss`, and the gradient `vector` of the mean.

    `ascent` is the gradient to climb along: `vector`, unless this process is one of several and climbs along
    the gradient of its own samples; then `loss` and `vector` are the means over all processes.
    """

    losses: Tensor
    loss: Tensor
    vector: Vector
    ascent: Vector

    def only(self, wanted: Vector) -> "Gradient":
        """The same pass, its gradient restricted to the parameters that `wanted` does not leave out."""
        return Gradient(self.losses, self.loss, _only(self.vector, wanted), _only(self.ascent, wanted))


class Passes:
    """Runs `loss_fn` over a batch, in `micro_batches` parts if memory is short; the numbers are the batch's.

    The one exception is BatchNorm, whose batch statistics are then those of the parts.
    """

    def __init__(self, micro_batches: int, ranks: "DataParallel | None") -> None:
        self._micro_batches, self._ranks = micro_batches, ranks

    def gradient(self, loss_fn: LossFunction, batch: Any, wanted: Vector) -> Gradient:
        """Per-sample losses and the gradient of their mean with respect to `wanted`."""
        losses: list[Tensor] = []
        vector: Vector = [None] * len(wanted)
        for part, share in self._parts(loss_fn, batch):
            losses.append(part.detach())
            vector = plus(vector, _differentiate(part.mean() * share, wanted))
        whole = losses[0] if len(losses) == 1 else torch.cat(losses)
        own = Gradient(whole, whole.mean(), vector, vector)
        return self._ranks.gradient(own, wanted) if self._ranks else own

    @torch.no_grad()
    def losses(self, loss_fn: LossFunction, batch: Any) -> Tensor:
        """Per-sample losses [n], forward only."""
        return torch.cat([part for part, _ in self._parts(loss_fn, batch)])

    def curvature(self, loss_fn: LossFunction, batch: Any, along: Vector, wanted: Vector) -> Vector:
        """Hessian of the mean loss times `along`, by differentiating twice."""
        product: Vector = [None] * len(wanted)
        with sdpa_kernel(SDPBackend.MATH):  # attention's fused kernels can be differentiated only once
            for part, share in self._parts(loss_fn, batch):
                gradient = _differentiate(part.mean() * share, wanted, create_graph=True)
                product = plus(product, _derivative_along(gradient, along, wanted))
        return product

    def _parts(self, loss_fn: LossFunction, batch: Any) -> Iterator[tuple[Tensor, float]]:
        n = batches.size(batch)
        for part in batches.chunks(batch, self._micro_batches):
            count = batches.size(part)
            yield _per_sample(loss_fn, part, count), count / n


def _only(v: Vector, wanted: Vector) -> Vector:
    return [None if w is None else x for x, w in zip(v, wanted, strict=True)]


def _per_sample(loss_fn: LossFunction, batch: Any, count: int) -> Tensor:
    losses = loss_fn(batch)
    if not isinstance(losses, Tensor):
        raise TypeError(
            f"loss_fn returned a {type(losses).__name__}; it must return the losses as a tensor [{count}]"
        )
    if losses.shape != (count,) or not losses.is_floating_point():
        raise ValueError(
            f"loss_fn returned {losses.dtype} of shape {tuple(losses.shape)}; it must return one loss per "
            f"sample, shape ({count},). For cross entropy: reduction='none'"
        )
    return losses


def _derivative_along(gradient: Vector, along: Vector, wanted: Vector) -> Vector:
    """The derivative of <gradient, along>; a gradient that depends on no weight has none."""
    pairs = [(g, a) for g, a in zip(gradient, along, strict=True) if g is not None and a is not None]
    pairs = [(g, a) for g, a in pairs if g.requires_grad]
    if not pairs:
        return [None] * len(wanted)
    return _differentiate([g for g, _ in pairs], wanted, [a for _, a in pairs])


def _differentiate(
    outputs: Tensor | list[Tensor],
    wanted: Vector,
    along: list[Tensor] | None = None,
    create_graph: bool = False,
) -> Vector:
    inputs = dense(wanted)
    if not inputs:
        return wanted
    if isinstance(outputs, Tensor) and not outputs.requires_grad:
        raise ValueError(
            "the losses of loss_fn do not depend on any trainable parameter; "
            "was the forward detached or run under torch.no_grad()?"
        )
    found = iter(torch.autograd.grad(outputs, inputs, along, create_graph=create_graph, allow_unused=True))
    return [None if w is None else next(found) for w in wanted]
