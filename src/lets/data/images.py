"""What batches of images share, in memory or on disk: how pixels become numbers."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from lets.data.loader import Loader
from lets.errors import SpecError

__all__ = ["AUGMENTATIONS", "Augmentation", "ImageLoader"]

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
