"""Ascent: in which direction do the weights climb?

A direction is linear up to its norm and fixed for the step: it is made at theta_t and may be asked again at
theta_{t+1}, where LETS applies it to another gradient (Algorithm 1, steps 11-12).
"""

from collections.abc import Callable
from operator import and_
from typing import Any

import torch

from .part import Part
from .storage import Present
from .vectors import Vector, reciprocal
from .weights import Weights

Direction = Callable[[Vector], Vector]


class Ascent(Part):
    """L2: the steepest direction in a Euclidean ball, g/||g|| (SAM)."""

    def active(self, trainable: Present) -> Present:
        """The parameters whose gradient at theta_t is needed."""
        return trainable

    def at(self, weights: Weights) -> Direction:
        """The map from a gradient to the perturbation of radius 1, where the weights are now."""
        return unit

    def end_step(self) -> None:
        """Called when a step is complete."""


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

    def active(self, trainable: Present) -> Present:
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
