"""Batches of images: how pixels become numbers; and those made on the training device, from arrays that stay there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lets.data import augment
from lets.data.loader import Loader
from lets.errors import SpecError

__all__ = ["AUGMENTATIONS", "Augmentation", "Batches", "ImageLoader"]

Augmentation = Literal["none", "crop-flip", "crop-flip-cutout"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("none", "crop-flip", "crop-flip-cutout")


class ImageLoader(Loader):
    """Batches of images float32 [B, C, H, W] with `labels` int64 [N].

    `size` is (height, width) of the images in a batch; `mean` and `std` are per channel, of pixels scaled to
    [0, 1]. Augmentation, like order, depends on (seed, epoch) alone.
    """

    size: tuple[int, int]

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
        if augmentation not in AUGMENTATIONS:
            raise SpecError(
                f"augmentation {augmentation!r} – unknown – choose from: {', '.join(AUGMENTATIONS)}"
            )
        super().__init__(
            labels, size, batch_size=batch_size, seed=seed, device=device, rank=rank, ranks=ranks
        )
        self.augmentation = augmentation
        self.memory_format = memory_format
        self.offset = (255 * torch.tensor(mean, dtype=torch.float64)).float().view(-1, 1, 1).to(device)
        self.scale = (255 * torch.tensor(std, dtype=torch.float64)).float().view(-1, 1, 1).to(device)

    def _normalise(self, pixels: Tensor) -> Tensor:
        return ((pixels.float() - self.offset) / self.scale).contiguous(memory_format=self.memory_format)


@dataclass(frozen=True)
class _Draws:
    """What chance decides in one epoch, in the order of its samples: [N] each, offsets [2, N]."""

    order: Tensor
    crop: Tensor
    flip: Tensor
    corner: Tensor
    cut: Tensor

    def to(self, device: torch.device) -> "_Draws":
        """The same draws on a device: moved once, so that no step waits for the host."""
        return _Draws(*(draw.to(device) for draw in vars(self).values()))


class Batches(ImageLoader):
    """Shuffled, augmented, normalised batches of `images` uint8 [N, C, H, W] with `labels` int64 [N].

    `crop_padding` is the black border, in pixels, that a crop may reach into; with one, the images are kept
    with it, otherwise as they are given. Cutout blanks a square of half the image's side with probability ½,
    after normalisation.
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
        rank: int = 0,
        ranks: int = 1,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        _check(images, labels, mean, std)
        super().__init__(
            labels,
            (images.shape[2], images.shape[3]),
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
        self.padding = 0 if augmentation == "none" else crop_padding
        there = images.to(device)
        self.padded = F.pad(there, (self.padding,) * 4) if self.padding else there

    def epoch(self, epoch: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (x float32 [B, C, H, W], y int64 [B]) of the steps start … stop-1 of a random pass."""
        draws = self._draw(epoch).to(self.labels.device)
        for where in self._steps(start, stop):
            yield self._batch(draws, where)

    def plain(self, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this rank's part of the samples in stored order, without augmentation: for evaluation."""
        height, width = self.size
        images = self.padded[:, :, self.padding :, self.padding :][:, :, :height, :width]
        size, part = batch_size or self.batch_size, slice(self.rank, None, self.ranks)
        for x, y in zip(torch.split(images[part], size), torch.split(self.labels[part], size), strict=True):
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
            x = x.contiguous(memory_format=self.memory_format)  # masking does not keep it
        return x, self.labels[index]

    def _draw(self, epoch: int) -> _Draws:
        generator = self._generator(epoch)
        count = len(self.labels)
        half = self.size[0] // 4
        return _Draws(
            order=torch.randperm(count, generator=generator),
            crop=torch.randint(2 * self.padding + 1, (2, count), generator=generator),
            flip=torch.rand(count, generator=generator) < 0.5,
            corner=torch.randint(-half, self.size[0] - half, (2, count), generator=generator),
            cut=torch.rand(count, generator=generator) < 0.5,
        )


def _check(images: Tensor, labels: Tensor, mean: Sequence[float], std: Sequence[float]) -> None:
    if images.ndim != 4 or images.dtype != torch.uint8 or labels.shape != images.shape[:1] or not len(labels):
        raise SpecError(
            f"images {images.dtype} {tuple(images.shape)}, labels {tuple(labels.shape)} – "
            "want uint8 [N, C, H, W] and [N], N > 0 – see lets.data.load"
        )
    if not len(mean) == len(std) == images.shape[1]:
        raise SpecError(
            f"mean {tuple(mean)}, std {tuple(std)} – want one number per channel, {images.shape[1]} of them"
        )
