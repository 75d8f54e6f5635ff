"""LETS's radius: learned by gradient descent on the upper-level objective (Algorithm 1, step 14)."""

from copy import deepcopy
from math import log
from typing import Any
from warnings import warn

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer

from .radius import Radius


class Learned(Radius):
    """rho <- rho - rho_lr eta g_rho, or the same on nu with rho = exp(nu).

    nu is kept as its distance from log(rho_0), so a radius that has not moved is rho_0 to the last bit. eta
    is the current learning rate of the base optimizer's first group. The radius stays within `bounds`;
    `clamped` counts the updates that would have left them.
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
        bounds: tuple[float, float],
    ) -> None:
        self._start, self._exponential, self._bounds = rho, parametrization == "exp", bounds
        first = 0.0 if self._exponential else rho
        self._variable = torch.full((), first, dtype=torch.float64, device=device, requires_grad=True)
        self._optimizer = {"adam": Adam, "sgd": SGD}[rho_optimizer]([self._variable], lr=rho_lr)
        self._decay, self._include_lr, self._base = rho_decay, include_lr, base_optimizer
        self.clamped = torch.zeros((), dtype=torch.int64, device=device)
        self._reported = 0

    def value(self) -> Tensor:
        """rho, a float64 scalar on the device of the weights."""
        variable = self._variable.detach()
        rho = self._start * variable.exp() if self._exponential else variable
        return rho.clamp(*self._bounds)

    @torch.no_grad()
    def learn(self, hypergradient: Tensor) -> None:
        """One step along g_rho, the hyper-gradient with respect to rho without the factor eta (step 14)."""
        gradient = hypergradient.to(self._variable.device)
        if self._include_lr:
            gradient = gradient * self._base.param_groups[0]["lr"]
        if self._exponential:
            gradient = gradient * self.value()  # d rho / d nu = rho
        self._variable.grad = gradient
        self._optimizer.step()
        low, high = (log(b / self._start) if self._exponential else b for b in self._bounds)
        self.clamped = self.clamped + ((self._variable < low) | (self._variable > high))
        self._variable.clamp_(low, high)

    def end_epoch(self) -> None:
        """Decay the step size; warn if the radius met its bounds since the last call."""
        for group in self._optimizer.param_groups:
            group["lr"] *= self._decay
        count, self._reported = int(self.clamped) - self._reported, int(self.clamped)
        if count:
            warn(
                f"the learned radius met its bounds {self._bounds} in {count} steps; "
                f"it is now {float(self.value()):g}",
                stacklevel=3,
            )

    def state_dict(self) -> dict[str, Any]:
        """The radius, its optimizer and its start."""
        return {
            "start": self._start,
            "variable": self._variable.detach().clone(),
            "optimizer": deepcopy(self._optimizer.state_dict()),
            "clamped": self.clamped,
            "reported": self._reported,
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with a saved radius."""
        self._start, self._reported = state["start"], state["reported"]
        self._variable.copy_(state["variable"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.clamped = state["clamped"].to(self._variable.device)
