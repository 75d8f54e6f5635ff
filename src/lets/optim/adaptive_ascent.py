"""ASAM's ascent: a direction that is scaled with the size of the weights."""

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from .ascent import Ascent, Direction, unit
from .storage import Storage
from .vectors import Vector
from .weights import Weights


class Adaptive(Ascent):
    """ASAM: T^2 g / ||T g|| with a positive diagonal T.

    `elementwise`: T = |theta| + xi on tensors whose name contains "weight", 1 elsewhere (the official
    code). `elementwise-all`: |theta| + xi everywhere. `filterwise`: the weights of a convolution filter
    share their norm plus xi, everything else has |theta| + xi (Eq. 7).
    """

    def __init__(self, model: nn.Module, form: str, xi: float) -> None:
        forms = {"elementwise": _OfWeights, "elementwise-all": _OfAll, "filterwise": _OfFilters}
        self._t = forms[form](model, xi)

    def at(self, weights: Weights) -> Direction:
        """The direction whose T is that of the weights now."""
        theta = weights.theta()
        t = Vector(self._t(theta), theta.storage.all, theta.storage)
        return lambda gradient: t * unit(t * gradient)


class _OfAll:
    """|theta| + xi, number by number."""

    def __init__(self, model: nn.Module, xi: float) -> None:
        self._model, self._xi = model, xi

    def __call__(self, theta: Vector) -> tuple[Tensor, ...]:
        return tuple(block.abs() + self._xi for block in theta.blocks)


class _OfWeights(_OfAll):
    """The same on tensors whose name contains "weight"; 1 elsewhere."""

    def __init__(self, model: nn.Module, xi: float) -> None:
        super().__init__(model, xi)
        self._storage: Storage | None = None
        self._here: tuple[Tensor, ...] = ()

    def __call__(self, theta: Vector) -> tuple[Tensor, ...]:
        if self._storage is not theta.storage:
            self._storage = theta.storage
            weights = {p for name, p in self._model.named_parameters() if "weight" in name}
            flags = [torch.full_like(p, p in weights, dtype=torch.bool) for p in theta.storage.parameters]
            self._here = theta.storage.gather(flags)
        return tuple(t.where(here, 1.0) for t, here in zip(super().__call__(theta), self._here, strict=True))


class _OfFilters(_OfAll):
    """The same but on convolutions, where every number of a filter has the filter's norm + xi."""

    def __call__(self, theta: Vector) -> tuple[Tensor, ...]:
        t, storage = super().__call__(theta), theta.storage
        convolutions = [m for m in self._model.modules() if isinstance(m, _ConvNd)]
        channels = {m.weight: 1 if isinstance(m, _ConvTransposeNd) else 0 for m in convolutions}
        places = zip(storage.parameters, storage.views(theta.blocks), storage.views(t), strict=True)
        for parameter, values, here in places:
            if parameter in channels:
                here.copy_(_filter_norms(values, channels[parameter]) + self._xi)
        return t


def _filter_norms(weight: Tensor, channel: int) -> Tensor:
    """Norm of each filter, to be spread over it; `channel` is the dimension that counts filters."""
    rest = [d for d in range(weight.dim()) if d != channel]
    norms: Tensor = torch.linalg.vector_norm(weight, dim=rest, keepdim=True)
    return norms
