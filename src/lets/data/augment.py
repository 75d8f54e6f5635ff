"""Random crop, flip and cutout of a whole batch at once, with the draws given from outside."""

import torch
from torch import Tensor

__all__ = ["crop", "cutout", "flip"]


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
