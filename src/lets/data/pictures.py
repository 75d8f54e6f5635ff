"""Batches of pictures that stay on disk: decoded by worker processes, normalised on the training device."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor

from lets.data.decoding import Request
from lets.data.images import Augmentation, ImageLoader
from lets.data.index import Picture
from lets.data.loader import hashed
from lets.data.readers import Readers
from lets.errors import SpecError

__all__ = ["Pictures"]

REQUEST = 32
"""pictures that a worker reads at a time: a batch is ready as soon as all workers together have read it"""


class Pictures(ImageLoader):
    """Shuffled, augmented, normalised batches of `pictures` below `folder`, cut to `side` × `side`.

    `crop-flip` is ImageNet's usual augmentation, a random part of 8 to 100 % of the area at a ratio from 3/4
    to 4/3, resized, and a flip; `none` is the test transform (see `lets.data.decoding`). The augmentation of
    a picture depends on (seed, epoch, picture) alone, not on who reads it: any `readers` give the same batches.
    """

    def __init__(
        self,
        folder: Path,
        pictures: Sequence[Picture],
        *,
        side: int,
        readers: Readers,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        augmentation: Augmentation = "none",
        seed: int = 0,
        device: torch.device | str = "cpu",
        rank: int = 0,
        ranks: int = 1,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        if augmentation == "crop-flip-cutout":
            raise SpecError(
                f"augmentation {augmentation!r} – cutout is for data sets in memory, pictures get random "
                "parts of all sizes instead – write  augmentation: crop-flip"
            )
        if not pictures:
            raise SpecError(f"{folder} – not one picture to make batches of – prepare the data set once more")
        super().__init__(
            torch.tensor([picture.label for picture in pictures]),
            (side, side),
            batch_size=batch_size,
            mean=mean,
            std=std,
            augmentation=augmentation,
            seed=seed,
            device=device,
            rank=rank,
            ranks=ranks,
            memory_format=memory_format,
        )
        self.folder, self.pictures, self.readers = folder, pictures, readers

    def epoch(self, epoch: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (x float32 [B, 3, side, side], y int64 [B]) of the steps start … stop-1 of a random pass."""
        order = torch.randperm(len(self.pictures), generator=self._generator(epoch))
        batches = [order[where] for where in self._steps(start, stop)]
        return self._read(batches, None if self.augmentation == "none" else epoch)

    def plain(self, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this rank's part of the pictures in stored order, in the test transform: for evaluation."""
        part = torch.arange(len(self.pictures))[self.rank :: self.ranks]
        return self._read(torch.split(part, batch_size or self.batch_size), None)

    def _read(self, batches: Sequence[Tensor], epoch: int | None) -> Iterator[tuple[Tensor, Tensor]]:
        if not any(map(len, batches)):
            return
        device = self.labels.device
        parts = [torch.split(batch, REQUEST) for batch in batches]
        requests = (self._request(part.tolist(), epoch) for batch in parts for part in batch)
        # All labels at once: copied batch by batch, they would make the host wait for the device.
        labels = torch.split(self.labels[torch.cat([*batches]).to(device)], [len(batch) for batch in batches])
        with closing(self.readers.stream(requests)) as pixels:  # type: ignore[type-var]
            for batch, y in zip(parts, labels, strict=True):
                x = torch.cat([next(pixels).to(device, non_blocking=True) for _ in batch])
                yield self._normalise(x), y

    def _request(self, samples: Iterable[int], epoch: int | None) -> Request:
        pictures = [self.pictures[sample] for sample in samples]
        return Request(
            paths=tuple(str(self.folder / picture.path) for picture in pictures),
            bytes=tuple(picture.bytes for picture in pictures),
            seeds=None if epoch is None else tuple(hashed(self.seed, epoch, sample) for sample in samples),
            side=self.size[0],
        )
