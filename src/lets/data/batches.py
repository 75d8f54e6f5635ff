"""Batches that are made on the training device, from arrays that stay there."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lets.data import augment
from lets.errors import SpecError

__all__ = ["AUGMENTATIONS", "Augmentation", "Batches"]

Augmentation = Literal["none", "crop-flip", "crop-flip-cutout"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("none", "crop-flip", "crop-flip-cutout")


@dataclass(frozen=True)
class _Draws:
    """What chance decides in one epoch, in the order of its samples: [N] each, offsets [2, N]."""

    order: Tensor
    crop: Tensor
    flip: Tensor
    corner: Tensor
    cut: Tensor

    def part(self, where: slice, device: torch.device) -> "_Draws":
        """The draws of some samples."""
        return _Draws(*(draw[..., where] for draw in vars(self).values()))


class Batches:
    """Shuffled, augmented, normalised batches of `images` uint8 [N, C, H, W] with `labels` int64 [N].

    `mean` and `std` are per channel, of pixels scaled to [0, 1]. `crop_padding` is the black border, in
    pixels, that a crop may reach into. The order and the augmentation of an epoch depend on (seed, epoch)
    alone and are drawn on the CPU: every device sees the same batches, a resumed run needs no state of the
    loader. Cutout blanks a square of half the image's side with probability ½, after normalisation.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        augmentation: Augmentation = "none",
        crop_padding: int = 4,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        _check(images, labels, batch_size, mean, std, augmentation)
        self.labels = labels.to(device)
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.seed = seed
        self.size = (images.shape[2], images.shape[3])
        self.padding = 0 if augmentation == "none" else crop_padding
        self.padded = F.pad(images.to(device), (self.padding,) * 4)
        self.offset = (255 * torch.tensor(mean, dtype=torch.float64)).float().view(-1, 1, 1).to(device)
        self.scale = (255 * torch.tensor(std, dtype=torch.float64)).float().view(-1, 1, 1).to(device)

    def __len__(self) -> int:
        """Steps per epoch; the last batch may be smaller."""
        return -(-len(self.labels) // self.batch_size)

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (x float32 [B, C, H, W], y int64 [B]) over one random pass through the data."""
        draws = self._draw(epoch)
        for start in range(0, len(self.labels), self.batch_size):
            yield self._batch(draws, slice(start, start + self.batch_size))

    def plain(self, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every sample once in its stored order, normalised, without augmentation: for evaluation."""
        height, width = self.size
        images = self.padded[:, :, self.padding :, self.padding :][:, :, :height, :width]
        size = batch_size or self.batch_size
        for x, y in zip(torch.split(images, size), torch.split(self.labels, size), strict=True):
            yield self._normalise(x), y

    def _batch(self, draws: _Draws, where: slice) -> tuple[Tensor, Tensor]:
        index = draws.order[where]
        if self.augmentation == "none":
            return self._normalise(self.padded[index]), self.labels[index]
        x = augment.crop(self.padded, index, draws.crop[0, where], draws.crop[1, where], self.size)
        x = self._normalise(augment.flip(x, draws.flip[where]))
        if self.augmentation == "crop-flip-cutout":
            side = self.size[0] // 2
            x = augment.cutout(x, draws.corner[0, where], draws.corner[1, where], side, draws.cut[where])
        return x, self.labels[index]

    def _normalise(self, pixels: Tensor) -> Tensor:
        return (pixels.float() - self.offset) / self.scale

    def _draw(self, epoch: int) -> _Draws:
        generator = _generator(self.seed, epoch)
        count = len(self.labels)
        half = self.size[0] // 4
        draws = (
            torch.randperm(count, generator=generator),
            torch.randint(2 * self.padding + 1, (2, count), generator=generator),
            torch.rand(count, generator=generator) < 0.5,
            torch.randint(-half, self.size[0] - half, (2, count), generator=generator),
            torch.rand(count, generator=generator) < 0.5,
        )
        return _Draws(*(draw.to(self.labels.device) for draw in draws))


def _generator(seed: int, epoch: int) -> torch.Generator:
    # hashed, because seed + epoch would share streams between seeds; the CPU generator keeps 32 bits of it
    digest = hashlib.sha256(f"{seed} {epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "little"))


def _check(
    images: Tensor,
    labels: Tensor,
    batch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    augmentation: str,
) -> None:
    if images.ndim != 4 or images.dtype != torch.uint8 or labels.shape != images.shape[:1] or not len(labels):
        raise SpecError(
            f"images {images.dtype} {tuple(images.shape)}, labels {tuple(labels.shape)} – "
            "want uint8 [N, C, H, W] and [N], N > 0 – see lets.data.load"
        )
    if batch_size < 1:
        raise SpecError(
            f"batch_size {batch_size} – a batch holds at least one sample – write  batch_size: 128"
        )
    if not len(mean) == len(std) == images.shape[1]:
        raise SpecError(
            f"mean {tuple(mean)}, std {tuple(std)} – want one number per channel, {images.shape[1]} of them"
        )
    if augmentation not in AUGMENTATIONS:
        raise SpecError(f"augmentation {augmentation!r} – unknown – choose from: {', '.join(AUGMENTATIONS)}")
