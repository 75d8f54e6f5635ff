"""theta: the parameters of the base optimizer, wherever they lie.

Parameters keep their own storage, and so a model is saved, copied, shared and moved as if there were no method.
Nothing is remembered of where they lie: user code runs in every pass and in the base optimizer, and may give a
parameter other memory at any time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import is_

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .refusals import refuse_parameters, refuse_replaced, refuse_shared_memory
from .vectors import Present, Storage, Vector


class Weights:
    """The parameters that `optimizer` updates, in the order of its groups; `model` tells their names.

    Frozen ones of whole numbers or 8 bits, which nothing moves, are left out. Everything but `look` is to be called
    under `torch.no_grad()`.
    """

    def __init__(self, optimizer: Optimizer, model: nn.Module) -> None:
        self._optimizer, self._model = optimizer, model
        self._of_model: list[Tensor] = []
        self.storage = Storage([])
        self._spare: tuple[tuple[Tensor, ...], list[Tensor]] | None = None
        self.look(list(model.modules()))

    def look(self, modules: Sequence[nn.Module]) -> None:
        """Find the parameters again; `modules` are those of the model.

        ValueError or TypeError if they cannot be perturbed, share memory, or are no longer those of the model.
        """
        of_model: list[Tensor] = [p for m in modules for p in m._parameters.values() if p is not None]
        self._everything = [p for group in self._optimizer.param_groups for p in group["params"]]
        if not _same(of_model, self._of_model):
            refuse_replaced(self._everything, self._of_model, of_model, self._model)
            self._of_model = of_model
        parameters = [p for p in self._everything if p.requires_grad or _has_fractions(p)]
        self._trainable = tuple([p.requires_grad for p in parameters])
        if not self.storage.fits(parameters):
            refuse_parameters(parameters, self._model)
            self.storage = Storage(parameters)
        refuse_shared_memory(parameters, self._model)

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters of the base optimizer, frozen ones included."""
        return self.storage.parameters

    @property
    def device(self) -> torch.device:
        """The device of the first parameter."""
        return self.parameters[0].device

    def trainable(self) -> Present:
        """Which parameters were not frozen when `look` was called."""
        return self._trainable

    def theta(self) -> Vector:
        """The weights as a vector: a copy; frozen ones are zero, like all that is not present."""
        return self.values().only(self.trainable())

    def values(self) -> Vector:
        """The same with the frozen ones."""
        return Vector(self.storage.gather(self.parameters), self.storage.all, self.storage)

    def copy(self) -> list[Tensor]:
        """A copy of every parameter, for `restore`."""
        return copied(self.parameters)

    def restore(self, values: list[Tensor]) -> None:
        """Put a copy back, bit for bit."""
        torch._foreach_copy_(self.parameters, values)

    @contextmanager
    def moved(self, theta: list[Tensor], by: Vector) -> Iterator[None]:
        """At `theta`, where the weights are, plus `by`; the way back goes by the copy, because subtracting drifts.

        The memory of `by` is used for the next gradient that is handed over.
        """
        views = self.storage.views(by.blocks)
        torch._foreach_add_(self.parameters, views)
        try:
            yield
        finally:
            self.restore(theta)
        self._spare = by.blocks, views

    @contextmanager
    def kept(self, theta: list[Tensor]) -> Iterator[None]:
        """The weights are `theta` again afterwards, whatever happens to them."""
        try:
            yield
        finally:
            self.restore(theta)

    def hand_over(self, gradient: Vector) -> None:
        """Make a copy of `gradient` what the base optimizer finds; what lay in `.grad` before is ignored."""
        blocks, views = self._spare or self._room_for(gradient)
        if len(self._everything) > len(self.parameters):
            self.clear_gradients()
        for block, values in zip(blocks, gradient.blocks, strict=True):
            block.copy_(values)
        for parameter, view, here in zip(self.parameters, views, gradient.present, strict=True):
            parameter.grad = view if here else None

    def _room_for(self, gradient: Vector) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        blocks = tuple([torch.empty_like(block) for block in gradient.blocks])
        return blocks, self.storage.views(blocks)

    def clear_gradients(self) -> None:
        """Leave no gradient behind: a second step of the base optimizer does nothing."""
        for parameter in self._everything:
            parameter.grad = None
        self._spare = None

    def versions(self) -> tuple[Storage, list[tuple[int, int, bool]]]:
        """Changes if the weights do, but for writes through `.data`; if they lie elsewhere, or are frozen."""
        return self.storage, [(p._version, p.data_ptr(), p.requires_grad) for p in self.parameters]


def copied(tensors: Sequence[Tensor]) -> list[Tensor]:
    """A copy of each, under `torch.no_grad()`."""
    return _clones(tensors) if tensors else []


def _one_by_one(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [x.clone() for x in tensors]


_clones: Callable[[Sequence[Tensor]], list[Tensor]] = getattr(torch, "_foreach_clone", _one_by_one)


def _has_fractions(parameter: Tensor) -> bool:
    return parameter.is_floating_point() and parameter.element_size() >= 2


def _same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return len(a) == len(b) and all(map(is_, a, b))
