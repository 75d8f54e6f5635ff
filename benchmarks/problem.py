"""What the benchmarks train: a network on random images, with its base optimizer and its batches."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lets
from lets.config.training import Precision
from lets.optim import Method
from lets.train.device import autocast, compiled, placed

Batch = tuple[Tensor, Tensor]
CIFAR, DIGITS, CLASSES = (3, 32, 32), (1, 8, 8), 10
Mode = Literal["eager", "compile", "reduce-overhead"]
OPTIONS: dict[Mode, dict[str, bool]] = {"compile": {}, "reduce-overhead": {"triton.cudagraphs": True}}
"""of torch's compiler: compile is that of a params file, reduce-overhead adds CUDA graphs"""
POOL = 16
"""how many batches there are; after them they come again"""


@dataclass(frozen=True)
class Settings:
    """How the passes are computed, as in a params file's `training`."""

    precision: Precision = "float32"
    channels_last: bool = False
    mode: Mode = "eager"

    def __str__(self) -> str:
        names = ["channels_last"] * self.channels_last + [self.mode] * (self.mode != "eager")
        return " ".join([self.precision, *names])


def tiny() -> nn.Module:
    """Eleven tensors: three convolutions of 8 channels with BatchNorm, and a linear head; for images of 8 × 8."""
    layers: list[nn.Module] = []
    for inputs, stride in ((1, 1), (8, 2), (8, 2)):
        layers += [nn.Conv2d(inputs, 8, 3, stride, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES))


NETWORKS: dict[str, Callable[[], nn.Module]] = {"tiny": tiny}
"""those that the catalogue of architectures does not have"""


TITLES = {
    "tiny": "The tiny network (11 tensors: 3 convolutions of 8 channels with BatchNorm, a linear head) on 8×8 images",
    "resnet8": "ResNet-8 (78,042 parameters) on 3×32×32 images",
}


class Problem:
    """A model, its base optimizer and its batches; equal arguments give equal numbers on every device."""

    def __init__(
        self,
        architecture: str,
        batch_size: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        settings: Settings = Settings(),
    ) -> None:
        torch.manual_seed(0)
        network = NETWORKS[architecture]() if architecture in NETWORKS else lets.models.create(architecture)
        self.model = placed(network.to(dtype), device, settings.channels_last)
        self.optimizer = torch.optim.SGD(self.model.parameters(), **SGD)
        self.batch_size, self.device, self.dtype, self.settings = batch_size, device, dtype, settings
        self._image = DIGITS if architecture == "tiny" else CIFAR
        mode = settings.mode
        self._forward = self.model if mode == "eager" else compiled(self.model, device, **OPTIONS[mode])

    def method(self, name: str, **given: Any) -> Method:
        """A method with its defaults, but for what is given."""
        return lets.create(name, self.model, self.optimizer, total_steps=100, **given)

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of each sample, [n]."""
        if self.settings.precision != "bfloat16":
            return F.cross_entropy(self._forward(batch[0]), batch[1], reduction="none")
        with autocast(self.settings.precision, self.device):
            logits = self._forward(batch[0])
        return F.cross_entropy(logits.float(), batch[1], reduction="none")

    def one_pass(self, batch: Batch) -> None:
        """The unit of all costs: forward and backward, nothing else."""
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(batch).mean().backward()

    def pairs(self, next_validates: bool = False) -> list[tuple[Batch, Batch]]:
        """Training and validation batches, to be used in a circle.

        `next_validates`: a step validates on the batch of the next one.
        """
        generator = torch.Generator().manual_seed(1)
        train = [self._draw(generator) for _ in range(POOL)]
        validation = train[1:] + train[:1] if next_validates else [self._draw(generator) for _ in train]
        return list(zip(train, validation, strict=True))

    def _draw(self, generator: torch.Generator) -> Batch:
        images = torch.randn(self.batch_size, *self._image, generator=generator)
        labels = torch.randint(CLASSES, (self.batch_size,), generator=generator)
        memory = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        return images.to(self.device, self.dtype, memory_format=memory), labels.to(self.device)


SGD: dict[str, Any] = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "fused": True}
"""of every base optimizer, ours and others'; the learning rate is small, because random labels are not learned"""


def clock(device: torch.device) -> Callable[[], float]:
    """Seconds, when the device has done what it was given."""

    def synchronised() -> float:
        torch.cuda.synchronize(device)
        return perf_counter()

    return synchronised if device.type == "cuda" else perf_counter
