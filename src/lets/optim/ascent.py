"""Ascent: in which direction do the weights climb?

A direction is a map that is fixed for the step: it is made at theta_t, and LETS applies it a second time, to the
gradient at theta_{t+1} (Algorithm 1, steps 11-12). It need not be linear, but it must map zero to zero.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from operator import and_
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from .part import Part
from .vectors import Mask, Storage, Vector, Weights, reciprocal

Direction = Callable[[Vector], Vector]


class Ascent(Part, ABC):
    """Decides in which direction the weights climb. A subclass defines `at`."""

    @abstractmethod
    def at(self, weights: Weights) -> Direction:
        """The map from g, the gradient at theta_t, to eps_hat, the perturbation of radius 1; both as long as theta.

        The weights, `weights.theta()`, are at theta_t and climb to theta_t + rho eps_hat. LETS applies the map once
        more, to the gradient at theta_{t+1}: read the weights here and not within the map.
        """

    def active(self, trainable: Mask) -> Mask:
        """The parameters whose gradient at theta_t is needed, of those that are trainable; one bool for each."""
        return trainable

    def end_step(self) -> None:
        """Called when a step is complete."""


class L2(Ascent):
    """The steepest direction in a Euclidean ball, g/||g|| (SAM)."""

    def at(self, weights: Weights) -> Direction:
        """g/||g||, wherever the weights are."""
        return unit


def unit(gradient: Vector) -> Vector:
    """g/||g||, and zero for a zero gradient."""
    return gradient * reciprocal(gradient.norm())


class Masked(Ascent):
    """ESAM's stochastic weight perturbation: each tensor takes part with probability beta.

    The norm runs over the active tensors, so a perturbation is always rho/beta long. The mask of the next
    step is drawn when a step ends; the first step is unmasked.
    """

    def __init__(self, count: int, beta: float, seed: int) -> None:
        self._beta, self._count = beta, count
        self._mask = torch.ones(count, dtype=torch.bool, device="cpu")
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def active(self, trainable: Mask) -> Mask:
        """The parameters that this step perturbs; those that were added since the mask was drawn are among them."""
        self._count = len(trainable)
        mask = self._mask.tolist()[: self._count]
        return tuple(map(and_, trainable, mask + [True] * (self._count - len(mask))))

    def at(self, weights: Weights) -> Direction:
        """g/(beta ||g||) over the active tensors."""
        active = self.active(weights.trainable())
        return lambda gradient: unit(gradient.only(active)) * (1 / self._beta)

    def end_step(self) -> None:
        """Draw the mask of the next step."""
        drawn = torch.rand(self._count, generator=self._generator, dtype=torch.float32, device="cpu")
        self._mask = drawn < self._beta

    def state_dict(self) -> dict[str, Any]:
        """The mask of the next step and the state of the generator."""
        return {"mask": self._mask, "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the stream of masks."""
        self._mask = state["mask"].cpu()
        self._generator.set_state(state["generator"].cpu())


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
        theta = weights.values()
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
            places = zip(theta.storage.owners, theta.storage.parameters, strict=True)
            flags = [torch.full_like(p, owner in weights, dtype=torch.bool) for owner, p in places]
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
