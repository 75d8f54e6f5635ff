"""What a step may change, as it was before the step."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves, tree_map

from .buffers import Buffers
from .part import Part
from .weights import Weights, copied


class Before:
    """Copies that take weights, buffers, base optimizer and the parts of a method back to where a step began."""

    def __init__(self, weights: Weights, modules: Iterable[nn.Module], parts: Iterable[Part]) -> None:
        self._theta = weights.theta()
        self.buffers = Buffers(modules)
        self._parts = [(part, part.state_dict()) for part in parts]
        self._optimizer: _OptimizerState | None = None

    @property
    def weights(self) -> list[Tensor]:
        """The weights where the step began, in the order of the parameters."""
        return self._theta.storage.views(self._theta.blocks)

    def include(self, optimizer: Optimizer) -> None:
        """Keep the state of the base optimizer too, which is about to step."""
        self._optimizer = _OptimizerState(optimizer)

    def end(self) -> None:
        """The step is complete; from now on others may change the settings of the base optimizer."""
        if self._optimizer is not None:
            self._optimizer.end()

    @torch.no_grad()
    def undo(self) -> None:
        """Put everything back, bit for bit, wherever the tensors lie now."""
        parameters, weights = self._theta.storage.parameters, self.weights
        for parameter, values in zip(parameters, weights, strict=True):
            if parameter.shape != values.shape:
                parameter.data = values.clone()
        torch._foreach_copy_(parameters, weights)
        self.buffers.restore()
        for part, state in self._parts:
            part.load_state_dict(state)
        if self._optimizer is not None:
            self._optimizer.restore()


class _OptimizerState:
    """What an optimizer remembers, and the settings of its groups."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._state: dict[Any, Any] = {}
        self._tensors: list[Tensor] = []
        for key, state in optimizer.state.items():
            self._state[key], tensors = _opened(state)
            self._tensors += tensors
        self._groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
        # The learning rate may be a tensor that a scheduler fills; any other is the optimizer's own.
        self._tensors += [
            v for group in self._groups for k, v in group.items() if k != "lr" and isinstance(v, Tensor)
        ]
        self._values = copied(self._tensors)

    def end(self) -> None:
        """Of the settings keep those that the optimizer changed itself: a scheduler may change the others."""
        groups = zip(self._optimizer.param_groups, self._groups, strict=True)
        self._groups = [{k: v for k, v in then.items() if now.get(k) is not v} for now, then in groups]

    def restore(self) -> None:
        """Put the same tensors back, with the same numbers."""
        if self._tensors:
            torch._foreach_copy_(self._tensors, self._values)
        self._optimizer.state.clear()
        self._optimizer.state.update(self._state)
        for group, values in zip(self._optimizer.param_groups, self._groups, strict=False):
            group.update(values)


def _opened(state: Any) -> tuple[Any, list[Tensor]]:
    """The same tensors in new containers, and in a list."""
    tensors = []
    if isinstance(state, dict):
        for value in state.values():
            if isinstance(value, Tensor):
                tensors.append(value)
            elif isinstance(value, _CONTAINERS):
                break
        else:
            return dict(state), tensors
    return tree_map(lambda x: x, state), [x for x in tree_leaves(state) if isinstance(x, Tensor)]


_CONTAINERS = (dict, list, tuple)
