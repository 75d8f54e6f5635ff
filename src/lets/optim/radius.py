"""Radius: how far do the weights climb? Fixed, coupled to the learning rate, or learned (Algorithm 1, step 14)."""

from abc import ABC, abstractmethod
from math import log
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .errors import warn_of_radius
from .part import Part


class Descend:
    """Gradient descent: the step of a gradient is the gradient."""

    def step(self, gradient: Tensor) -> Tensor:
        """What the learning rate is to be multiplied with, for a float64 scalar `gradient`."""
        return gradient

    def state_dict(self) -> dict[str, Any]:
        """Everything remembered from step to step; never changed in place afterwards."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Return to a state saved by `state_dict`."""


class Adam(Descend):
    """Adam (Kingma & Ba, 2015, Algorithm 1), the numbers of `torch.optim.Adam` with its defaults."""

    _BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, device: torch.device) -> None:
        zero = torch.zeros((), dtype=torch.float64, device=device)
        self._steps = self._mean = self._square = zero

    def step(self, gradient: Tensor) -> Tensor:
        """m/(1 - beta_1^t) over sqrt(v/(1 - beta_2^t)) + epsilon."""
        self._steps = self._steps + 1
        self._mean = torch.lerp(gradient, self._mean, self._BETA_1)
        self._square = torch.lerp(gradient.square(), self._square, self._BETA_2)
        mean = self._mean / (1 - self._BETA_1**self._steps)
        square = self._square / (1 - self._BETA_2**self._steps)
        step: Tensor = mean / (square.sqrt() + self._EPSILON)
        return step

    def state_dict(self) -> dict[str, Any]:
        """How many steps, and the moving averages of the gradient and its square."""
        return {"steps": self._steps, "mean": self._mean, "square": self._square}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the moving averages."""
        self._steps, self._mean, self._square = state["steps"], state["mean"], state["square"]


class Radius(Part, ABC):
    """Decides how far the weights climb. A subclass defines `value`."""

    @abstractmethod
    def value(self) -> Tensor | float:
        """rho, the radius of the next step: a number, or a scalar tensor, best in float64 where the weights are.

        Asked in every step, and whenever somebody reads `method.rho`.
        """

    def end_epoch(self) -> None:
        """Called by `method.end_epoch()`."""


class Fixed(Radius):
    """A fixed radius."""

    def __init__(self, rho: float, device: torch.device) -> None:
        self._rho = torch.full((), rho, dtype=torch.float64, device=device)

    def value(self) -> Tensor:
        """rho, a float64 scalar on the device of the weights."""
        return self._rho


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
            warn_of_radius(
                f"the learning rate {lr:g} is above {self._lr_max:g}, the largest one known when the method was made, "
                f"and gsam keeps its largest radius there; write lets.create('gsam', ..., lr_max={lr:g}) with the "
                "largest rate of the schedule"
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
            warn_of_radius(
                f"the learned radius met its bounds {self._bounds} in {count} steps; "
                f"it is now {float(self.value()):g}"
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
