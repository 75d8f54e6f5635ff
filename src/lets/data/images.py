"""Batches of images: how pixels become numbers; and those made on the training device, from arrays that stay there.

These are cropped, flipped and cut out as a whole, with draws that are given from outside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Required, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from lets.data.loader import Loader, LoaderSettings
from lets.errors import SpecError

__all__ = ["AUGMENTATIONS", "Augmentation", "Batches", "ImageLoader", "crop", "cutout", "flip"]

Augmentation = Literal["none", "crop-flip", "crop-flip-cutout"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("none", "crop-flip", "crop-flip-cutout")


class ImageSettings(LoaderSettings, total=False):
    """What every `ImageLoader` is told besides."""

    mean: Required[Sequence[float]]
    std: Required[Sequence[float]]
    augmentation: Augmentation
    memory_format: torch.memory_format


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
        mean: Sequence[float],
        std: Sequence[float],
        augmentation: Augmentation = "none",
        memory_format: torch.memory_format = torch.contiguous_format,
        **settings: Unpack[LoaderSettings],
    ) -> None:
        if augmentation not in AUGMENTATIONS:
            raise SpecError(
                f"augmentation {augmentation!r} – unknown – choose from: {', '.join(AUGMENTATIONS)}"
            )
        super().__init__(labels, size, **settings)
        self.augmentation = augmentation
        self.memory_format = memory_format
        self.offset, self.scale = (self._per_channel(numbers) for numbers in (mean, std))

    def _per_channel(self, numbers: Sequence[float]) -> Tensor:
        """Return numbers of pixels in [0, 1] as those of pixels from 0 to 255, float32 [C, 1, 1], on the device."""
        scaled = 255 * torch.tensor(numbers, dtype=torch.float64)
        return scaled.float().view(-1, 1, 1).to(self.labels.device)

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
        self, images: Tensor, labels: Tensor, *, crop_padding: int = 4, **settings: Unpack[ImageSettings]
    ) -> None:
        _check(images, labels, settings.get("mean", ()), settings.get("std", ()))
        super().__init__(labels, (images.shape[2], images.shape[3]), **settings)
        self.padding = 0 if self.augmentation == "none" else crop_padding
        there = images.to(self.labels.device)
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
        x = crop(self.padded, index, draws.crop[0, where], draws.crop[1, where], self.size)
        x = self._normalise(flip(x, draws.flip[where]))
        if self.augmentation == "crop-flip-cutout":
            side = self.size[0] // 2
            x = cutout(x, draws.corner[0, where], draws.corner[1, where], side, draws.cut[where])
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


def crop(padded: Tensor, index: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut a window of `size` (height, width) out of each of the images `padded`[`index`].

    `padded` is [N, C, H+2p, W+2p]; `index`, `top` and `left` are int64 [B]. Returns [B, C, height, width].
    """
    # a view: every window of every image, no copy
    windows = padded.unfold(2, size[0], 1).unfold(3, size[1], 1)
    return windows[index, :, top, left]


def flip(images: Tensor, chosen: Tensor) -> Tensor:
    """Mirror the `chosen` (bool [B]) images [B, C, H, W] left to right."""
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def cutout(images: Tensor, top: Tensor, left: Tensor, size: int, chosen: Tensor) -> Tensor:
    """Set a square of side `size` to zero in the `chosen` (bool [B]) images [B, C, H, W] (arXiv 1708.04552).

    Its corner `top`, `left` (int64 [B]) may be negative: the square may hang over the border.
    """
    rows = torch.arange(images.shape[2], device=images.device) - top[:, None]
    columns = torch.arange(images.shape[3], device=images.device) - left[:, None]
    inside_rows = (rows >= 0) & (rows < size) & chosen[:, None]
    inside_columns = (columns >= 0) & (columns < size)
    return images.masked_fill((inside_rows[:, :, None] & inside_columns[:, None, :])[:, None], 0.0)
