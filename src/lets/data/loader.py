"""What the batches of every kind of data share: which samples a step takes, and how pixels become numbers."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Literal, Self

import torch
from torch import Tensor

from lets.errors import SpecError

__all__ = ["AUGMENTATIONS", "Augmentation", "Loader"]

Augmentation = Literal["none", "crop-flip", "crop-flip-cutout"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("none", "crop-flip", "crop-flip-cutout")


class Loader(ABC):
    """Batches of images with `labels` int64 [N], on the training device.

    `size` is (height, width) of the images in a batch; `mean` and `std` are per channel, of pixels scaled to
    [0, 1]. Order and augmentation of an epoch depend on (seed, epoch) alone: every device sees the same
    batches, and a resumed run needs no state of the loader.

    `batch_size` is that of all `ranks` together; this one is `rank` of them and gets every ranks-th sample
    of a batch, from its `rank`-th on. A last batch with fewer samples than ranks is left out by all.
    """

    def __init__(
        self,
        labels: Tensor,
        size: tuple[int, int],
        *,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        augmentation: Augmentation,
        seed: int,
        device: torch.device | str,
        rank: int,
        ranks: int,
        memory_format: torch.memory_format,
    ) -> None:
        _check(batch_size, augmentation, rank, ranks)
        self.labels = labels.to(device)
        self.size = size
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.seed = seed
        self.rank, self.ranks = rank, ranks
        self.memory_format = memory_format
        self.offset = (255 * torch.tensor(mean, dtype=torch.float64)).float().view(-1, 1, 1).to(device)
        self.scale = (255 * torch.tensor(std, dtype=torch.float64)).float().view(-1, 1, 1).to(device)

    def __len__(self) -> int:
        """Steps per epoch; the last batch may be smaller."""
        whole, rest = divmod(len(self.labels), self.batch_size)
        return whole + (rest >= self.ranks)

    @abstractmethod
    def epoch(self, epoch: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (x float32 [B, C, H, W], y int64 [B]) of the steps start … stop-1 of a random pass."""

    @abstractmethod
    def plain(self, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this rank's part of the samples in stored order, without augmentation: for evaluation.

        `batch_size` is that of this rank.
        """

    def with_seed(self, seed: int) -> Self:
        """Return the same data in another order and with other augmentations; the two share their memory."""
        other = copy(self)
        other.seed = seed
        return other

    def _steps(self, start: int, stop: int | None) -> Iterator[slice]:
        """Where in the order of an epoch this rank's samples of the steps start … stop-1 stand."""
        for step in range(len(self))[start:stop]:
            first = step * self.batch_size
            yield slice(first + self.rank, first + self.batch_size, self.ranks)

    def _normalise(self, pixels: Tensor) -> Tensor:
        return ((pixels.float() - self.offset) / self.scale).contiguous(memory_format=self.memory_format)

    def _generator(self, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(hashed(self.seed, epoch))


def hashed(*numbers: int) -> int:
    """A seed of its own for each sequence of numbers: their sum would share streams between seeds."""
    digest = hashlib.sha256(" ".join(map(str, numbers)).encode()).digest()
    return int.from_bytes(digest[:4], "little")  # torch's CPU generator keeps 32 bits


def _check(batch_size: int, augmentation: str, rank: int, ranks: int) -> None:
    if batch_size < 1:
        raise SpecError(
            f"batch_size {batch_size} – a batch holds at least one sample – write  batch_size: 128"
        )
    if not 0 <= rank < ranks <= batch_size:
        raise SpecError(
            f"rank {rank} of {ranks}, batch_size {batch_size} – every rank, counted from 0, takes at least "
            f"one sample of each batch – write  batch_size: {max(batch_size, ranks)}"
        )
    if augmentation not in AUGMENTATIONS:
        raise SpecError(f"augmentation {augmentation!r} – unknown – choose from: {', '.join(AUGMENTATIONS)}")
