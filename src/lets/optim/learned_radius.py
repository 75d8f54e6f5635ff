"""LETS's radius: learned by gradient descent on the upper-level objective (Algorithm 1, step 14)."""

from math import log
from typing import Any
from warnings import warn

import torch
from torch import Tensor
from torch.optim import Optimizer

from .errors import RadiusWarning
from .radius import Radius, largest_rate
from .radius_optimizer import Adam, Descend


class Learned(Radius):
    """rho <- rho - rho_lr eta g_rho, or the same on nu with rho = exp(nu).

    nu is kept as its distance from log(rho_0), so a radius that has not moved is rho_0 to the last bit. eta
    is the current learning rate of the base optimizer's first group. The radius stays within `bounds`;
    `clamped` counts the updates that would have left them. `every`: it learns on every so many-th perturbed
    step only (not in the paper; a step on which it rests costs what its base method does).
    """

    def __init__(
        self,
        rho: float,
        device: torch.device,
        base_optimizer: Optimizer,
        *,
        rho_lr: float,
        rho_decay: float,
        rho_optimizer: str,
        parametrization: str,
        include_lr: bool,
        every: int,
        bounds: tuple[float, float],
    ) -> None:
        self._start, self._exponential, self._bounds = rho, parametrization == "exp", bounds
        first = 0.0 if self._exponential else rho
        self._variable = torch.full((), first, dtype=torch.float64, device=device)
        self._optimizer = Adam(device) if rho_optimizer == "adam" else Descend()
        self._first_lr = rho_lr
        self._lr = torch.full((), rho_lr, dtype=torch.float64, device=device)
        self._decay, self._include_lr, self._base = rho_decay, include_lr, base_optimizer
        self.clamped = torch.zeros((), dtype=torch.int64, device=device)
        self._reported, self._every, self._perturbed = 0, every, 0
        self._now: Tensor | None = None

    def value(self) -> Tensor:
        """rho, a float64 scalar on the device of the weights."""
        if self._now is None:
            self._now = self._from_variable()
        return self._now

    def due(self) -> bool:
        """Whether the radius learns on this perturbed step; to be asked once on each."""
        self._perturbed += 1
        return (self._perturbed - 1) % self._every == 0

    def learn(self, hypergradient: Tensor) -> None:
        """One step along g_rho, the hyper-gradient with respect to rho without the factor eta (step 14)."""
        gradient = hypergradient.to(self._variable.device)
        if self._include_lr:
            gradient = gradient * self._base.param_groups[0]["lr"]
        if self._exponential:
            gradient = gradient * self.value()  # d rho / d nu = rho
        moved = self._variable - self._lr * self._optimizer.step(gradient)
        low, high = (log(b / self._start) if self._exponential else b for b in self._bounds)
        self._variable = moved.clamp(low, high)
        self.clamped = self.clamped + (self._variable != moved)
        self._now = None

    def _from_variable(self) -> Tensor:
        rho = self._start * self._variable.exp() if self._exponential else self._variable
        return rho.clamp(*self._bounds)

    def end_epoch(self) -> None:
        """Decay the step size; warn if the radius met its bounds since the last call."""
        self._lr = self._lr * self._decay
        count, self._reported = int(self.clamped) - self._reported, int(self.clamped)
        if count:
            warn(
                f"the learned radius met its bounds {self._bounds} in {count} steps; "
                f"it is now {float(self.value()):g}",
                RadiusWarning,
                stacklevel=3,
            )

    def reach(self, updates: float, hypergradient: float) -> float:
        """At most how far `updates` move log(rho), about.

        Adam's steps are rho_lr long or shorter; those of plain descent are as long as `hypergradient`, the size of
        g_rho, makes them.
        """
        rho, rate = self._start, self._first_lr
        if isinstance(self._optimizer, Adam):
            return rate * updates / (1.0 if self._exponential else rho)
        eta = largest_rate(self._base) if self._include_lr else 1.0
        return rate * updates * eta * hypergradient * (rho if self._exponential else 1 / rho)

    def state_dict(self) -> dict[str, Any]:
        """The radius, its optimizer and its start."""
        return {
            "start": self._start,
            "variable": self._variable,
            "optimizer": self._optimizer.state_dict(),
            "lr": self._lr,
            "clamped": self.clamped,
            "reported": self._reported,
            "perturbed": self._perturbed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with a saved radius."""
        self._start, self._now = state["start"], None
        self._reported, self._perturbed = state["reported"], state["perturbed"]
        device = self._variable.device
        self._variable, self.clamped = state["variable"].to(device), state["clamped"].to(device)
        self._lr = torch.as_tensor(state["lr"], dtype=torch.float64, device=device)
        self._optimizer.load_state_dict(state["optimizer"])
