"""theta: the parameters of the base optimizer, laid side by side in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim import Optimizer

from .storage import Present, Storage
from .vectors import Vector


class Weights:
    """The parameters that `optimizer` updates, in the order of its groups, as views of a few flat blocks.

    Their values, shapes and strides stay what they are; where they lie in memory changes once. So does the
    place of their gradients: `.grad` of each is a view of one block, too.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._identity: list[tuple[int, int]] = []
        self.lay_out()

    def lay_out(self) -> None:
        """Lay the parameters side by side, unless they lie so already.

        They no longer do if somebody gave one of them new memory (`model.to`), or added some. ValueError if
        two of them are in one place.
        """
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        if self._identity == _identity(parameters):
            return
        _refuse_shared_memory(parameters)
        self.storage = Storage(parameters)
        self._blocks = self.storage.gather([p.detach() for p in parameters])
        for parameter, view in zip(parameters, self.storage.views(self._blocks), strict=True):
            parameter.data = view
        self._gradient = tuple(torch.empty_like(block) for block in self._blocks)
        self._gradients = self.storage.views(self._gradient)
        self._identity = _identity(parameters)

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters of the base optimizer, frozen ones included."""
        return self.storage.parameters

    @property
    def device(self) -> torch.device:
        """The device of the first parameter."""
        return self.parameters[0].device

    def trainable(self) -> Present:
        """Which parameters are not frozen."""
        return tuple([p.requires_grad for p in self.parameters])

    def theta(self) -> Vector:
        """The weights themselves, not a copy."""
        return Vector(self._blocks, self.trainable(), self.storage)

    def copy(self) -> tuple[Tensor, ...]:
        """A copy of the values, for `restore`."""
        return tuple(block.clone() for block in self._blocks)

    def restore(self, saved: tuple[Tensor, ...]) -> None:
        """Put a copy back, bit for bit."""
        for block, values in zip(self._blocks, saved, strict=True):
            block.copy_(values)

    @contextmanager
    def moved(self, saved: tuple[Tensor, ...], by: Vector) -> Iterator[None]:
        """At theta + `by`; the way back goes by the copy `saved`, because adding and subtracting drifts."""
        for block, step in zip(self._blocks, by.blocks, strict=True):
            block.add_(step)
        try:
            yield
        finally:
            self.restore(saved)

    def hand_over(self, gradient: Vector) -> None:
        """Make a copy of `gradient` what the base optimizer finds; what lay in `.grad` before is ignored."""
        for block, values in zip(self._gradient, gradient.blocks, strict=True):
            block.copy_(values)
        for parameter, view, here in zip(self.parameters, self._gradients, gradient.present, strict=True):
            wanted = view if here else None
            if parameter.grad is not wanted:
                parameter.grad = wanted

    def versions(self) -> tuple[Storage, list[tuple[int, bool]]]:
        """Changes whenever the weights do, where they lie, or which are trainable; not when `moved` moves them."""
        return self.storage, [(p._version, p.requires_grad) for p in self.parameters]


def _identity(parameters: list[Tensor]) -> list[tuple[int, int]]:
    return [(id(p), p.data_ptr()) for p in parameters]


def _refuse_shared_memory(parameters: list[Tensor]) -> None:
    places = [p.data_ptr() for p in parameters if p.data_ptr()]
    if len(set(places)) < len(places):
        raise ValueError(
            "two parameters of base_optimizer share memory; to tie weights register one Parameter under both "
            "names: model.second = model.first"
        )
