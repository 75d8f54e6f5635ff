"""What one training step reports."""

from dataclasses import asdict, dataclass

from torch import Tensor

__all__ = ["Stats"]


@dataclass(frozen=True)
class Stats:
    """The numbers of one step, left on the device: reading a field never waits for a GPU, `float(...)` does.

    `loss`: mean loss at theta_t. `rho`: radius of this step (also where the policy did not use it).
    `perturbed`: whether the step took the perturbed gradient. `passes`: forward-backward passes spent;
    ESAM's scoring is a forward and does not count. On a step whose radius learned, `gap` = l_vl - l_tr at
    theta_{t+1} and `hypergradient` = g_rho of Algorithm 1, step 13 (with respect to rho, without eta);
    None otherwise. All tensors are 0-dimensional.
    """

    loss: Tensor
    rho: Tensor
    perturbed: bool
    passes: int
    gap: Tensor | None = None
    hypergradient: Tensor | None = None

    def numbers(self) -> dict[str, float | bool | int | None]:
        """The fields as Python numbers, ready for JSON; waits for the device."""
        return {name: float(v) if isinstance(v, Tensor) else v for name, v in asdict(self).items()}
