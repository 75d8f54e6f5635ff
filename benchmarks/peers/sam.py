"""SAM behind the two-step interface that most projects copied: `davda54/sam`, written anew for comparison.

What its version of today costs is kept: it goes tensor by tensor, scales every gradient by one where SAM is not
adaptive, keeps a copy of every weight, and puts that back as the parameter's data. The caller makes both passes, and
keeps BatchNorm's averages out of the second one.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer


class SAM(Optimizer):
    """Foret et al. 2021, and with `adaptive` Kwon et al. 2021; `settings` are the base optimizer's."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        base: type[Optimizer],
        rho: float = 0.05,
        adaptive: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(parameters, {"rho": rho, "adaptive": adaptive, **settings})
        self.base_optimizer = base(self.param_groups, **settings)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def first_step(self, zero_grad: bool = False) -> None:
        """Climb by the radius along the gradient."""
        norm = self._norm()
        for group in self.param_groups:
            scale = group["rho"] / (norm + 1e-12)
            for p in _with_gradient(group):
                self.state[p]["before"] = p.data.clone()
                p.add_((p**2 if group["adaptive"] else 1.0) * p.grad * scale.to(p))
        if zero_grad:
            self.zero_grad()

    @torch.no_grad()
    def second_step(self, zero_grad: bool = False) -> None:
        """Come back, and let the base optimizer step along the gradient that was found above."""
        for group in self.param_groups:
            for p in _with_gradient(group):
                p.data = self.state[p]["before"]
        self.base_optimizer.step()
        if zero_grad:
            self.zero_grad()

    def _norm(self) -> Tensor:
        place = self.param_groups[0]["params"][0].device
        norms = [
            ((p.abs() if group["adaptive"] else 1.0) * p.grad).norm(p=2).to(place)
            for group in self.param_groups
            for p in _with_gradient(group)
        ]
        norm: Tensor = torch.stack(norms).norm(p=2)
        return norm


def _with_gradient(group: dict[str, Any]) -> Iterator[Any]:
    return (p for p in group["params"] if p.grad is not None)


def hold_averages(model: nn.Module) -> None:
    """BatchNorm's averages stay as they are: its momentum is 0 until it gets the old one back."""

    def hold(module: nn.Module) -> None:
        if isinstance(module, _BatchNorm):
            module.held = module.momentum  # type: ignore[assignment]
            module.momentum = 0

    model.apply(hold)


def release_averages(model: nn.Module) -> None:
    """BatchNorm's averages follow the batches again."""

    def release(module: nn.Module) -> None:
        if isinstance(module, _BatchNorm) and hasattr(module, "held"):
            module.momentum = module.held  # type: ignore[assignment]

    model.apply(release)
