"""Radius: how far do the weights climb?"""

from typing import Any
from warnings import warn

import torch
from torch import Tensor
from torch.optim import Optimizer

from .errors import RadiusWarning
from .part import Part


class Radius(Part):
    """A fixed radius."""

    def __init__(self, rho: float, device: torch.device) -> None:
        self._rho = torch.full((), rho, dtype=torch.float64, device=device)

    def value(self) -> Tensor:
        """The radius of the next step, a float64 scalar on the device of the weights."""
        return self._rho

    def end_epoch(self) -> None:
        """Called at the end of an epoch."""


class LearningRateCoupled(Radius):
    """GSAM: the radius falls from rho_max to rho_min as the learning rate falls from lr_max to lr_min.

    Outside that range, in a warm-up for example, the radius stays at the nearer end. Without `lr_max` it is the
    largest rate known now.
    """

    def __init__(
        self,
        rho_max: float,
        rho_min: float,
        lr_min: float,
        optimizer: Optimizer,
        device: torch.device,
        lr_max: float | None = None,
    ) -> None:
        self._rho_max, self._rho_min, self._lr_min = rho_max, rho_min, lr_min
        self._optimizer, self._device = optimizer, device
        self._lr_max = largest_rate(optimizer) if lr_max is None else float(lr_max)
        self._warned = False

    def value(self) -> Tensor:
        """rho_min + (rho_max - rho_min) (lr - lr_min)/(lr_max - lr_min) at the current learning rate."""
        lr, span = self._optimizer.param_groups[0]["lr"], self._lr_max - self._lr_min
        if isinstance(lr, Tensor):  # float(lr) would wait for the device
            lr = lr.to(self._device, torch.float64)
        elif lr > self._lr_max * (1 + 1e-6):
            self._warn(lr)
        share = (lr - self._lr_min) / span if span else 1.0
        if isinstance(share, Tensor):
            return self._rho_min + (self._rho_max - self._rho_min) * share.clamp(0.0, 1.0)
        rho = self._rho_min + (self._rho_max - self._rho_min) * min(max(share, 0.0), 1.0)
        return torch.full((), rho, dtype=torch.float64, device=self._device)

    def _warn(self, lr: float) -> None:
        if not self._warned:
            warn(
                f"the learning rate {lr:g} is above {self._lr_max:g}, the largest one known when the method was made, "
                f"and gsam keeps its largest radius there; write lets.create('gsam', ..., lr_max={lr:g}) with the "
                "largest rate of the schedule",
                RadiusWarning,
                stacklevel=4,
            )
        self._warned = True

    def state_dict(self) -> dict[str, Any]:
        """The learning rate that counts as the largest."""
        return {"lr_max": self._lr_max}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the same largest learning rate."""
        self._lr_max = state["lr_max"]


def largest_rate(optimizer: Optimizer) -> float:
    """The learning rate of the first group, or the higher one that a scheduler has noted there."""
    group = optimizer.param_groups[0]
    return max(float(group[key]) for key in ("lr", "initial_lr", "max_lr") if key in group)
