"""Policy: is this step perturbed?"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from .part import Part
from .vectors import Vector


class Policy(Part, ABC):
    """Decides, step by step, whether to spend the second pass. A subclass defines `perturbs`."""

    @abstractmethod
    def perturbs(self, step: int, gradient: Vector) -> bool:
        """True if step t = `step`, counted from 0, is perturbed; `gradient` is g, of the mean loss at theta_t.

        Asked once a step. With several processes g is that of all their samples, so that all decide alike. A number
        of g that is read here, as in `float(gradient.norm())`, makes the step wait for a GPU.
        """


class Never(Policy):
    """ERM: descend along the plain gradient."""

    def perturbs(self, step: int, gradient: Vector) -> bool:
        """False."""
        return False


class Always(Policy):
    """SAM: perturb every step."""

    def perturbs(self, step: int, gradient: Vector) -> bool:
        """True."""
        return True


class Every(Policy):
    """LookSAM: perturb steps 0, k, 2k, ..."""

    def __init__(self, k: int) -> None:
        self._k = k

    def perturbs(self, step: int, gradient: Vector) -> bool:
        """True on every k-th step, the first included."""
        return step % self._k == 0


class Bernoulli(Policy):
    """RST: perturb with probability p, drawn from a generator of its own."""

    def __init__(self, p: float, seed: int) -> None:
        self._p = p
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def perturbs(self, step: int, gradient: Vector) -> bool:
        """One draw per step."""
        return bool(torch.rand((), generator=self._generator, dtype=torch.float32, device="cpu") < self._p)

    def state_dict(self) -> dict[str, Any]:
        """The state of the generator."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the stream of draws."""
        self._generator.set_state(state["generator"].cpu())


class Adaptive(Policy):
    """AE-SAM: perturb where the squared gradient norm n is large against its recent mean and variance.

    mu and s2 are moving averages of n and (n - mu)^2; the step is perturbed if n >= mu + c_t sqrt(s2), with
    c_t falling linearly from lambda_2 to lambda_1 over training. The branch has to be known on the host:
    this is the one policy that waits for the device.
    """

    def __init__(self, delta: float, lambda_1: float, lambda_2: float, total_steps: int) -> None:
        self._delta, self._lambda_1, self._lambda_2 = delta, lambda_1, lambda_2
        self._total_steps = total_steps
        self._mean = torch.zeros((), dtype=torch.float64, device="cpu")
        self._variance = torch.full((), torch.e**-10, dtype=torch.float64, device="cpu")

    def perturbs(self, step: int, gradient: Vector) -> bool:
        """Update the averages with this gradient, then compare."""
        n = gradient.norm().cpu() ** 2
        self._mean = self._average(self._mean, n)
        self._variance = self._average(self._variance, (n - self._mean) ** 2)
        progress = min(step / self._total_steps, 1.0)
        c = progress * self._lambda_1 + (1 - progress) * self._lambda_2
        return bool(n >= self._mean + c * self._variance.sqrt())

    def _average(self, old: Tensor, new: Tensor) -> Tensor:
        return self._delta * old + (1 - self._delta) * new

    def state_dict(self) -> dict[str, Any]:
        """The moving averages mu and s2."""
        return {"mean": self._mean, "variance": self._variance}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the moving averages."""
        self._mean, self._variance = state["mean"].cpu(), state["variance"].cpu()
