"""The training loss as a function of the weights: its value, its gradient, and its Hessian times a vector."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lets.config import RunSpec
from lets.config.paths import Layout
from lets.optim.passes import Passes
from lets.optim.vectors import Storage, Vector
from lets.train.job import restored_model
from lets.train.run_data import RunData

IMAGES, PIXELS = 500, 2**17
"""a pass takes at most so many: 500 images of digits, 128 of CIFAR; differentiating twice takes much memory"""


class Objective:
    """The mean cross-entropy (nats) of `images` with `labels` in eval mode, without label smoothing.

    A vector is one tensor per trainable parameter. The weights are those of `model`, in its own precision.
    """

    def __init__(self, model: nn.Module, images: Tensor, labels: Tensor) -> None:
        self.model, self.images, self.labels = model.eval(), images, labels
        self.weights: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        most = min(IMAGES, max(1, PIXELS // math.prod(images.shape[2:])))
        self._storage = Storage(self.weights)
        self._passes = Passes(-(-len(labels) // most), None, model)

    @classmethod
    def of(cls, spec: RunSpec, layout: Layout, samples: int, device: str) -> "Objective":
        """That of a finished run, in float32: its first `samples` training images, the labels trained on.

        Of a folder of pictures, which is sorted by class, they are the first of the random sample that is
        measured after every epoch.
        """
        data = RunData.read(spec, layout, torch.device(device))
        images, labels = _first(data, samples)
        return cls(restored_model(spec, layout, data), images, labels)

    def groups(self, size: int) -> "list[Objective]":
        """The same function for `size` consecutive images each."""
        parts = zip(torch.split(self.images, size), torch.split(self.labels, size), strict=True)
        return [Objective(self.model, images, labels) for images, labels in parts]

    def loss(self) -> float:
        """The mean, in float64, of losses in the model's precision."""
        return self._passes.losses(self._losses, (self.images, self.labels)).double().mean().item()

    def gradient(self) -> list[Tensor]:
        """The derivative of the loss with respect to the weights."""
        batch, storage = (self.images, self.labels), self._storage
        return storage.views(self._passes.gradient(self._losses, batch, storage, storage.all).vector.blocks)

    def hessian_times(self, vector: list[Tensor]) -> list[Tensor]:
        """The Hessian of the loss times a vector, by differentiating twice."""
        batch, storage = (self.images, self.labels), self._storage
        along = Vector(storage.gather(vector), storage.all, storage)
        _, product = self._passes.curvature(self._losses, batch, along, storage.all)
        return storage.views(product.blocks)

    @contextmanager
    def moved(self) -> Iterator[list[Tensor]]:
        """Let the weights be moved inside; yields a copy of them, which they are again afterwards."""
        before = [weight.detach().clone() for weight in self.weights]
        try:
            yield before
        finally:
            self.move(before)

    @torch.no_grad()
    def move(self, weights: Sequence[Tensor]) -> None:
        """Give the weights new values."""
        torch._foreach_copy_(self.weights, list(weights))

    def _losses(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        images, labels = batch
        return cross_entropy(self.model(images), labels, reduction="none")


def _first(data: RunData, samples: int) -> tuple[Tensor, Tensor]:
    batches, count = [], 0
    for images, labels in data.measured.plain(min(samples, IMAGES)):
        batches.append((images[: samples - count], labels[: samples - count]))
        count += len(labels)
        if count >= samples:
            break
    return torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches])
