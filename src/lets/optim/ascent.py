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

Direction = Callable[[Vector], Vector]


class Ascent(Part):
    """L2: the steepest direction in a Euclidean ball, g/||g|| (SAM)."""

    def active(self, trainable: Present) -> Present:
        """The parameters whose gradient at theta_t is needed."""
        return trainable

    def at(self, theta: Vector) -> Direction:
        """The map from a gradient to the perturbation of radius 1, at the weights `theta`."""
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
        self._beta = beta
        self._mask = torch.ones(count, dtype=torch.bool)
        self._generator = torch.Generator().manual_seed(seed)

    def active(self, trainable: Present) -> Present:
        """The parameters that this step perturbs."""
        return tuple(map(and_, trainable, self._mask.tolist()))

    def at(self, theta: Vector) -> Direction:
        """g/(beta ||g||) over the active tensors."""
        return lambda gradient: unit(gradient.only(self.active(theta.present))) * (1 / self._beta)

    def end_step(self) -> None:
        """Draw the mask of the next step."""
        self._mask = torch.rand(len(self._mask), generator=self._generator) < self._beta

    def state_dict(self) -> dict[str, Any]:
        """The mask of the next step and the state of the generator."""
        return {"mask": self._mask, "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the stream of masks."""
        self._mask = state["mask"].cpu()
        self._generator.set_state(state["generator"].cpu())
