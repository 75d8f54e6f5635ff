"""What a step may change, as it was before the step."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from . import batchnorm
from .part import Part
from .weights import Weights


class Before:
    """Copies that take weights, BatchNorm buffers and the parts of a method back to where a step began."""

    def __init__(self, weights: Weights, buffers: list[Tensor], parts: Iterable[Part]) -> None:
        self.weights = weights.copy()
        self._live_weights, self._live_buffers = weights, buffers
        self._buffers = batchnorm.copied(buffers)
        self._parts = [(part, part.state_dict()) for part in parts]
        self._optimizer: Optimizer | None = None
        self._optimizer_state: dict[Tensor, dict[str, Any]] = {}
        self._groups: list[dict[str, Any]] = []

    def include(self, optimizer: Optimizer) -> None:
        """Keep the state of the base optimizer too: more can fail after its step."""
        self._optimizer = optimizer
        self._groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
        self._optimizer_state = {
            p: {k: v.clone() if isinstance(v, Tensor) else v for k, v in state.items()}
            for p, state in optimizer.state.items()
        }

    def exclude_optimizer(self) -> None:
        """Release the copy made by `include`: nothing in this step can fail any more."""
        self._optimizer, self._optimizer_state = None, {}

    def undo(self) -> None:
        """Put everything back, bit for bit."""
        self._live_weights.restore(self.weights)
        batchnorm.write(self._live_buffers, self._buffers)
        for part, state in self._parts:
            part.load_state_dict(state)
        if self._optimizer is not None:
            self._optimizer.state.clear()
            self._optimizer.state.update(self._optimizer_state)
            for group, values in zip(self._optimizer.param_groups, self._groups, strict=True):
                group.update(values)
