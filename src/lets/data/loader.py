"""What the batches of every kind of data share: which samples a step takes."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import copy
from typing import Required, Self, TypedDict

import torch
from torch import Tensor

from lets.errors import SpecError

__all__ = ["Loader", "LoaderSettings", "hashed"]


class LoaderSettings(TypedDict, total=False):
    """What every `Loader` is told, whatever its samples are."""

    batch_size: Required[int]
    seed: int
    device: torch.device | str
    rank: int
    ranks: int


class Loader(ABC):
    """Batches (inputs, targets) of samples with `labels` [N, …], on the training device.

    `size` is the shape of one sample as far as memory goes: (height, width) of images, (length,) of texts.
    The order of an epoch, and whatever else chance decides, depends on (seed, epoch) alone: every device sees
    the same batches, and a resumed run needs no state of the loader.

    `batch_size` is that of all `ranks` together; this one is `rank` of them and gets every ranks-th sample
    of a batch, from its `rank`-th on. A last batch with fewer samples than ranks is left out by all.
    """

    def __init__(
        self,
        labels: Tensor,
        size: tuple[int, ...],
        *,
        batch_size: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        _check(batch_size, rank, ranks)
        self.labels = labels.to(device)
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.rank, self.ranks = rank, ranks

    def __len__(self) -> int:
        """Steps per epoch; the last batch may be smaller."""
        whole, rest = divmod(len(self.labels), self.batch_size)
        return whole + (rest >= self.ranks)

    @abstractmethod
    def epoch(self, epoch: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (inputs [B, …], targets [B, …]) of the steps start … stop-1 of a random pass."""

    @abstractmethod
    def plain(self, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this rank's part of the samples in a fixed order, without augmentation: for evaluation.

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

    def _generator(self, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(hashed(self.seed, epoch))


def hashed(*numbers: int) -> int:
    """A seed of its own for each sequence of numbers: their sum would share streams between seeds."""
    digest = hashlib.sha256(" ".join(map(str, numbers)).encode()).digest()
    return int.from_bytes(digest[:4], "little")  # torch's CPU generator keeps 32 bits


def _check(batch_size: int, rank: int, ranks: int) -> None:
    if batch_size < 1:
        raise SpecError(
            f"batch_size {batch_size} – a batch holds at least one sample – write  batch_size: 128"
        )
    if not 0 <= rank < ranks <= batch_size:
        raise SpecError(
            f"rank {rank} of {ranks}, batch_size {batch_size} – every rank, counted from 0, takes at least "
            f"one sample of each batch – write  batch_size: {max(batch_size, ranks)}"
        )
