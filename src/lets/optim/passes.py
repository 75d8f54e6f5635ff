"""Forward and backward passes: from the user's per-sample losses to the gradient of their mean."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import reduce
from itertools import compress
from operator import add
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from . import autocast, batches
from .autocast import Region
from .refusals import refuse_reentrant, refuse_sparse
from .vectors import Present, Storage, Vector

if TYPE_CHECKING:
    from .data_parallel import DataParallel

LossFunction = Callable[[Any], Tensor]
FEW = 16
"""sets of parameters without a gradient for which the graph is searched; a network with more decides by itself"""


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

    def only(self, wanted: Present) -> "Gradient":
        """The same pass, its gradient restricted to the `wanted` parameters."""
        return Gradient(self.losses, self.loss, self.vector.only(wanted), self.ascent.only(wanted))


class Passes:
    """Runs `loss_fn` over a batch, in `micro_batches` parts if memory is short; the numbers are the batch's.

    The one exception is BatchNorm, whose batch statistics are then those of the parts. `model` tells the names of
    parameters. `one_by_one`: a scalar, the mean, is refused.
    """

    def __init__(
        self,
        micro_batches: int,
        ranks: "DataParallel | None",
        model: nn.Module,
        one_by_one: bool = False,
    ) -> None:
        self._micro_batches, self._ranks, self._model = micro_batches, ranks, model
        self._one_by_one = one_by_one
        self.regions: list[Region] = []
        """of autocast, which `loss_fn` runs in"""
        self._known: set[Present] = set()

    def gradient(self, loss_fn: LossFunction, batch: Any, storage: Storage, wanted: Present) -> Gradient:
        """Per-sample losses and the gradient of their mean with respect to the `wanted` parameters.

        Of a loss that is one scalar all samples have that loss.
        """
        losses: list[Tensor] = []
        means: list[Tensor] = []
        vectors: list[Vector] = []
        for part, mean in self._parts(loss_fn, batch, torch.enable_grad):
            losses.append(part.detach())
            means.append(mean.detach())
            found = self._vector(_differentiate([mean], storage, wanted), storage)
            if found.present != wanted:
                self._refuse_hidden(mean, found, wanted)
            vectors.append(found)
        whole = losses[0] if len(losses) == 1 else torch.cat(losses)
        vector = reduce(add, vectors)
        own = Gradient(whole, reduce(add, means), vector, vector)
        return self._ranks.gradient(own, wanted) if self._ranks else own

    @torch.no_grad()
    def losses(self, loss_fn: LossFunction, batch: Any) -> Tensor:
        """Per-sample losses [n], forward only."""
        return torch.cat([part for part, _ in self._parts(loss_fn, batch, torch.no_grad)])

    def curvature(
        self, loss_fn: LossFunction, batch: Any, along: Vector, wanted: Present
    ) -> tuple[Tensor, Vector]:
        """The mean loss, and its Hessian times `along`, by differentiating twice."""
        means: list[Tensor] = []
        products: list[Vector] = []
        with sdpa_kernel(SDPBackend.MATH):  # attention's fused kernels can be differentiated only once
            for _, mean in self._parts(loss_fn, batch, torch.enable_grad):
                means.append(mean.detach())
                gradient = _differentiate([mean], along.storage, wanted, create_graph=True)
                product = _derivative_along(gradient, along, wanted)
                products.append(self._vector(product, along.storage))
        return reduce(add, means), reduce(add, products)

    def _parts(
        self, loss_fn: LossFunction, batch: Any, mode: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The losses [k] of each part, and what it adds to the mean over the batch; `mode`: with a graph or not."""
        n = batches.size(batch)
        for part, count in batches.chunks(batch, n, self._micro_batches):
            with mode():
                with autocast.entered(self.regions):
                    losses = _checked(loss_fn(part), count)
                mean = self._mean(losses, count, n)
            yield losses if losses.dim() else losses.expand(count), mean

    def _mean(self, losses: Tensor, count: int, n: int) -> Tensor:
        if losses.dim():
            return torch.dot(losses, torch.full_like(losses, 1 / n, requires_grad=False))
        self._refuse_scalar(count)
        return losses

    def _refuse_scalar(self, count: int) -> None:
        if self._one_by_one or self._micro_batches > 1:
            why = (
                "chooses samples by their losses"
                if self._one_by_one
                else "weighs parts of a batch (micro_batches)"
            )
            raise ValueError(
                f"loss_fn returned one number, and this method {why}; it must return one loss per sample, shape "
                f"({count},). For cross entropy: reduction='none'"
            )

    def _refuse_hidden(self, mean: Tensor, found: Vector, wanted: Present) -> None:
        """ValueError if a parameter has no gradient because a checkpoint hides it."""
        if found.present in self._known or len(self._known) == FEW:
            return
        states = zip(found.storage.parameters, found.present, wanted, strict=True)
        refuse_reentrant(mean, [p for p, here, want in states if want and not here], self._model)
        self._known.add(found.present)

    def _vector(self, found: Sequence[Tensor | None], storage: Storage) -> Vector:
        try:
            return Vector(storage.gather(found), tuple([x is not None for x in found]), storage)
        except (RuntimeError, NotImplementedError):
            refuse_sparse(found, storage.parameters, self._model)
            raise


def _checked(losses: Any, count: int) -> Tensor:
    if not isinstance(losses, Tensor):
        raise TypeError(
            f"loss_fn returned a {type(losses).__name__}; it must return the losses as a tensor [{count}]"
        )
    if losses.shape not in ((count,), ()) or not losses.is_floating_point():
        raise ValueError(
            f"loss_fn returned {losses.dtype} of shape {tuple(losses.shape)}; it must return one loss per "
            f"sample, shape ({count},), or their mean. For cross entropy: reduction='none'"
        )
    return losses


def _derivative_along(
    gradient: Sequence[Tensor | None], along: Vector, wanted: Present
) -> Sequence[Tensor | None]:
    """The derivative of <gradient, along>; a gradient that depends on no weight has none."""
    pairs = [(g, a) for g, a in zip(gradient, along.parts(), strict=True) if g is not None and a is not None]
    pairs = [(g, a) for g, a in pairs if g.requires_grad]
    if not pairs:
        return [None] * len(wanted)
    return _differentiate([g for g, _ in pairs], along.storage, wanted, [a for _, a in pairs])


def _differentiate(
    outputs: list[Tensor],
    storage: Storage,
    wanted: Present,
    along: list[Tensor] | None = None,
    create_graph: bool = False,
) -> Sequence[Tensor | None]:
    """The derivative of <outputs, along>, or of a single number, with respect to the `wanted` parameters."""
    everything = all(wanted)
    inputs = storage.parameters if everything else list(compress(storage.parameters, wanted))
    if not inputs:
        return [None] * len(wanted)
    if not any(x.requires_grad for x in outputs):
        raise ValueError(
            "the losses of loss_fn do not depend on any trainable parameter; "
            "was the forward detached or run under torch.no_grad()?"
        )
    found = torch.autograd.grad(outputs, inputs, along, create_graph=create_graph, allow_unused=True)
    if everything:
        return found
    rest = iter(found)
    return [next(rest) if here else None for here in wanted]
