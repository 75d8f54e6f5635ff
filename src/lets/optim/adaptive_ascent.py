"""ASAM's ascent: a direction that is scaled with the size of the weights."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from .ascent import Ascent, Direction, unit
from .vectors import Vector, times
from .weights import Weights

Size = Callable[[Tensor], Tensor]


class Adaptive(Ascent):
    """ASAM: T^2 g / ||T g|| with a positive diagonal T.

    `elementwise`: T = |theta| + xi on tensors whose name contains "weight", 1 elsewhere (the official
    code). `elementwise-all`: |theta| + xi everywhere. `filterwise`: the weights of a convolution filter
    share their norm plus xi, everything else has |theta| + xi (Eq. 7).
    """

    def __init__(self, weights: Weights, model: nn.Module, form: str, xi: float) -> None:
        sizes = {"elementwise": _of_weights, "elementwise-all": lambda _: {}, "filterwise": _of_filters}[
            form
        ](model)
        otherwise = None if form == "elementwise" else torch.abs
        self._sizes = [sizes.get(p, otherwise) for p in weights.parameters]
        self._xi = xi

    def at(self, values: Vector) -> Direction:
        """The direction whose T is that of the weights `values`."""
        pairs = zip(self._sizes, values, strict=True)
        t: Vector = [size(v) + self._xi if size and v is not None else None for size, v in pairs]

        def direction(gradient: Vector) -> Vector:
            return _rescaled(t, unit(_rescaled(t, gradient)))

        return direction


def _rescaled(t: Vector, v: Vector) -> Vector:
    """T v; where `t` has None, T is 1."""
    return [x if s is None else p for s, x, p in zip(t, v, times(t, v), strict=True)]


def _of_weights(model: nn.Module) -> dict[Tensor, Size]:
    return {p: torch.abs for name, p in model.named_parameters() if "weight" in name}


def _of_filters(model: nn.Module) -> dict[Tensor, Size]:
    convolutions = [m for m in model.modules() if isinstance(m, _ConvNd)]
    return {m.weight: _filter_norm(1 if isinstance(m, _ConvTransposeNd) else 0) for m in convolutions}


def _filter_norm(channel: int) -> Size:
    """Norm of each filter, in every place of it; `channel` is the dimension that counts filters."""

    def size(weight: Tensor) -> Tensor:
        rest = [d for d in range(weight.dim()) if d != channel]
        norm: Tensor = torch.linalg.vector_norm(weight, dim=rest, keepdim=True)
        return norm.expand_as(weight)

    return size
