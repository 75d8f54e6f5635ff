"""What the benchmarks train: a network for CIFAR on random images, or a small one that takes no time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

import lets
from lets.optim import Method
from lets.spec.training import Precision
from lets.train.device import autocast, placed

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Settings:
    """How the passes are computed, as in a params file's `training`."""

    precision: Precision = "float32"
    channels_last: bool = False
    compile: bool = False

    def __str__(self) -> str:
        return " ".join(
            [self.precision, *(name for name in ("channels_last", "compile") if getattr(self, name))]
        )


@dataclass(frozen=True)
class Problem:
    """A model, its base optimizer and its batches; equal arguments give equal numbers on every device."""

    model: nn.Module
    optimizer: torch.optim.SGD
    batch_size: int
    device: torch.device
    settings: Settings = Settings()
    forward: Any = field(default=None)
    """the model, or what torch.compile made of it"""

    @classmethod
    def make(
        cls,
        device: torch.device,
        batch_size: int,
        architecture: str = "resnet18",
        dtype: torch.dtype = torch.float32,
        settings: Settings = Settings(),
    ) -> "Problem":
        """Weights are drawn on the CPU; the learning rate is small, because random labels are not learned."""
        torch.manual_seed(0)
        model = placed(lets.models.create(architecture, classes=10).to(dtype), device, settings.channels_last)
        fused = {"fused": True} if device.type == "cuda" else {}
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, **fused)
        forward = torch.compile(model) if settings.compile else model
        return cls(model, optimizer, batch_size, device, settings, forward)

    def method(self, name: str) -> Method:
        """A method with its defaults; LookSAM perturbs every other step, so that few steps show both kinds."""
        options: dict[str, Any] = {"k": 2} if "k" in lets.describe(name).hyperparameters else {}
        return lets.create(name, self.model, self.optimizer, total_steps=100, **options)

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of each sample, [n]."""
        with autocast(self.settings.precision, self.device):
            logits = self.forward(batch[0])
        if self.settings.precision == "bfloat16":
            logits = logits.float()
        return nn.functional.cross_entropy(logits, batch[1], reduction="none")

    def pairs(self, next_validates: bool = False) -> Iterator[tuple[Batch, Batch]]:
        """Training and validation batches without end; `next_validates`: a step validates on its successor's."""
        generator = torch.Generator().manual_seed(1)
        dtype = next(self.model.parameters()).dtype
        following = self._draw(generator, dtype)
        while True:
            batch = following
            following = self._draw(generator, dtype)
            yield batch, following if next_validates else self._draw(generator, dtype)

    def _draw(self, generator: torch.Generator, dtype: torch.dtype) -> Batch:
        images = torch.randn(self.batch_size, 3, 32, 32, generator=generator)
        labels = torch.randint(10, (self.batch_size,), generator=generator)
        memory = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        return images.to(self.device, dtype, memory_format=memory), labels.to(self.device)
