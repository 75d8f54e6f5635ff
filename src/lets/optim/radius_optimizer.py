"""How a learned radius follows its gradient: one number, so torch's optimizers would mostly do book-keeping."""

from typing import Any

import torch
from torch import Tensor


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
