"""Forward and backward passes: from a batch, by the user's losses, to the gradient of their mean.

A batch is any pytree of tensors whose first dimension is the sample. Autocast around a step is for the forward alone,
and its cache of cast weights for weights that stay.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import reduce
from itertools import compress
from operator import add
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_leaves, tree_map

from .refusals import refuse_reentrant, refuse_sparse
from .sharded import local_gradient
from .vectors import Mask, Storage, Vector

if TYPE_CHECKING:
    from .data_parallel import DataParallel

LossFunction = Callable[[Any], Tensor]
Region = tuple[str, torch.dtype, bool]
"""of autocast: type of device, precision, whether cast weights are cached"""
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

    def only(self, wanted: Mask) -> "Gradient":
        """The same pass, its gradient restricted to the `wanted` parameters."""
        return Gradient(self.losses, self.loss, self.vector.only(wanted), self.ascent.only(wanted))


class Passes:
    """Runs `loss_fn` over a batch, in `micro_batches` parts if memory is short; the numbers are the batch's.

    The one exception is BatchNorm, whose batch statistics are then those of the parts. `model` tells the names of
    parameters. `one_by_one`: a scalar, the mean, is refused. `by_backward`: `loss_fn` leaves the gradient in `.grad`.
    """

    def __init__(
        self,
        micro_batches: int,
        ranks: "DataParallel | None",
        model: nn.Module,
        one_by_one: bool = False,
        by_backward: bool = False,
    ) -> None:
        self._micro_batches, self._ranks, self._model = micro_batches, ranks, model
        self._one_by_one, self._by_backward = one_by_one, by_backward
        self.regions: list[Region] = []
        """of autocast, which `loss_fn` runs in"""
        self._known: set[Mask] = set()

    def gradient(self, loss_fn: LossFunction, batch: Any, storage: Storage, wanted: Mask) -> Gradient:
        """Per-sample losses and the gradient of their mean with respect to the `wanted` parameters.

        Of a loss that is one scalar all samples have that loss.
        """
        losses: list[Tensor] = []
        means: list[Tensor] = []
        vectors: list[Vector] = []
        for part, mean in self._parts(loss_fn, batch, torch.enable_grad):
            losses.append(part.detach())
            means.append(mean.detach())
            found = self._vector(self._derivative(mean, storage, wanted), storage)
            if found.mask != wanted:
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
        self, loss_fn: LossFunction, batch: Any, along: Vector, wanted: Mask
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
        n = batch_size(batch)
        for part, count in _chunks(batch, n, self._micro_batches):
            with mode():
                with _entered_again(self.regions):
                    losses = _checked(loss_fn(part), count)
                mean = self._mean(losses, count, n)
            yield losses if losses.dim() else losses.expand(count), mean

    def _derivative(self, mean: Tensor, storage: Storage, wanted: Mask) -> Sequence[Tensor | None]:
        if not self._by_backward:
            return _differentiate([mean], storage, wanted)
        return [local_gradient(p) if here else None for p, here in zip(storage.owners, wanted, strict=True)]

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

    def _refuse_hidden(self, mean: Tensor, found: Vector, wanted: Mask) -> None:
        """ValueError if a parameter has no gradient because a checkpoint hides it."""
        if found.mask in self._known or len(self._known) == FEW:
            return
        states = zip(found.storage.parameters, found.mask, wanted, strict=True)
        refuse_reentrant(mean, [p for p, here, want in states if want and not here], self._model)
        self._known.add(found.mask)

    def _vector(self, found: Sequence[Tensor | None], storage: Storage) -> Vector:
        try:
            return storage.vector(found)
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
    gradient: Sequence[Tensor | None], along: Vector, wanted: Mask
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
    wanted: Mask,
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


def batch_size(batch: Any, role: str = "batch") -> int:
    """Number of samples; ValueError or TypeError if `batch` is not a batch."""
    found = leaves(batch)
    if not found:
        raise ValueError(
            f"the {role} {batch!r} holds no tensor; pass tensors whose first dimension is the sample"
        )
    for leaf in found:
        if not isinstance(leaf, Tensor):
            raise TypeError(
                f"the {role} holds a {type(leaf).__name__}; it must be a pytree (tuple, list, dict) of "
                "tensors only, for example (images, labels)"
            )
    sizes = {leaf.shape[0] if leaf.dim() else 0 for leaf in found}
    if len(sizes) > 1 or not all(sizes):
        shapes = ", ".join(str(tuple(leaf.shape)) for leaf in found)
        why = "is empty" if sizes == {0} else "is ragged: its tensors count different numbers of samples"
        raise ValueError(
            f"the {role} with shapes {shapes} {why}; the first dimension of every tensor is the sample"
        )
    return int(sizes.pop())


def take(batch: Any, samples: Tensor | slice) -> Any:
    """The samples with these indices (int64 [k]) or in this slice."""
    if isinstance(samples, slice):
        return tree_map(lambda leaf: leaf[samples], batch)
    return tree_map(lambda leaf: leaf[samples.to(leaf.device)], batch)


def _chunks(batch: Any, n: int, count: int) -> list[tuple[Any, int]]:
    """`batch`, of `n` samples, in at most `count` consecutive parts of nearly equal size; and their sizes."""
    if count == 1:
        return [(batch, n)]
    length = -(-n // min(count, n))
    starts = range(0, n, length)
    return [(take(batch, slice(at, at + length)), min(length, n - at)) for at in starts]


def versions(batch: Any) -> list[tuple[int, int]] | None:
    """Changes whenever the tensors of the batch do; None if that cannot be told (inference tensors)."""
    found = leaves(batch)
    if any(leaf.is_inference() for leaf in found):
        return None
    return [(leaf._version, leaf.data_ptr()) for leaf in found]


def leaves(batch: Any) -> list[Any]:
    """The tensors of a batch; the usual pair takes a short cut, because this is asked several times a step."""
    if isinstance(batch, (tuple, list)) and all(isinstance(leaf, Tensor) for leaf in batch):
        return list(batch)
    return tree_leaves(batch)


def regions_now(device: torch.device) -> list[Region]:
    """The regions that are entered now, of the CPU and of `device`."""
    if not torch._C._is_any_autocast_enabled():
        return []
    kinds = dict.fromkeys(("cpu", device.type))
    return [
        (kind, torch.get_autocast_dtype(kind), torch.is_autocast_cache_enabled())
        for kind in kinds
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    ]


def outside(regions: Sequence[Region]) -> AbstractContextManager[None]:
    """Outside of all `regions`."""
    return _entered([(kind, None, True) for kind, _, _ in regions]) if regions else _NOTHING


def _entered_again(regions: Sequence[Region]) -> AbstractContextManager[None]:
    """Inside of `regions` again, with an empty cache: the weights may have moved since it was filled.

    Also without a region, because torch empties the cache at the end of the outermost one only, even if that one is
    switched off.
    """
    torch.clear_autocast_cache()
    return _entered(regions) if regions else _NOTHING


@contextmanager
def _entered(regions: Sequence[tuple[str, torch.dtype | None, bool]]) -> Iterator[None]:
    """A precision of None: outside of the regions of that device."""
    with ExitStack() as stack:
        for kind, dtype, cached in regions:
            stack.enter_context(torch.autocast(kind, dtype, dtype is not None, cached))
        yield


_NOTHING: AbstractContextManager[None] = nullcontext()
