"""SAM behind the two-step interface that most projects copied: `davda54/sam`, written anew for comparison.

What it costs is kept: it goes tensor by tensor, keeps the perturbation instead of the weights, and goes back by
subtracting. The caller makes both passes, and keeps BatchNorm's averages out of the second one.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer


class SAM(Optimizer):
    """Foret et al. 2021, without its adaptive form; `rho` is the radius, `settings` are the base optimizer's."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], base: type[Optimizer], rho: float = 0.05, **settings: Any
    ) -> None:
        super().__init__(parameters, {"rho": rho, **settings})
        self.base_optimizer = base(self.param_groups, **settings)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def first_step(self, zero_grad: bool = False) -> None:
        """Climb by the radius along the gradient."""
        norm = torch.stack([gradient.norm() for _, _, gradient in self._with_gradient()]).norm()
        for group, p, gradient in self._with_gradient():
            climbed = gradient * (group["rho"] / (norm + 1e-12))
            p.add_(climbed)
            self.state[p]["climbed"] = climbed
        if zero_grad:
            self.zero_grad()

    @torch.no_grad()
    def second_step(self, zero_grad: bool = False) -> None:
        """Come back, and let the base optimizer step along the gradient that was found above."""
        for _, p, _ in self._with_gradient():
            p.sub_(self.state[p]["climbed"])
        self.base_optimizer.step()
        if zero_grad:
            self.zero_grad()

    def _with_gradient(self) -> Iterator[tuple[dict[str, Any], Tensor, Tensor]]:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    yield group, p, p.grad


def hold_averages(model: nn.Module) -> None:
    """BatchNorm's averages stay as they are: its momentum is 0 until it gets the old one back."""

    def hold(module: nn.Module) -> None:
        if isinstance(module, _BatchNorm):
            module.__dict__["held"], module.momentum = module.momentum, 0.0

    model.apply(hold)


def release_averages(model: nn.Module) -> None:
    """BatchNorm's averages follow the batches again."""

    def release(module: nn.Module) -> None:
        if isinstance(module, _BatchNorm):
            module.momentum = module.__dict__.get("held", module.momentum)

    model.apply(release)
