"""From the file of one picture to what a network sees of it: torchvision's own decoder and transforms."""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image, read_file
from torchvision.transforms import v2

from lets.errors import DataError

__all__ = ["Request", "decode", "read_picture"]


class Request(NamedTuple):
    """Pictures to read: their paths and lengths in bytes, and the seed of each one's augmentation.

    Without `seeds` they get the test transform. `side` is what they are cut to.
    """

    paths: tuple[str, ...]
    bytes: tuple[int, ...]
    seeds: tuple[int, ...] | None
    side: int


def decode(request: Request) -> Tensor:
    """Read, decode and transform the pictures of a request: uint8 [n, 3, side, side].

    Training pictures: RandomResizedCrop(side) and RandomHorizontalFlip of torchvision, at its defaults, with
    its draws after seeding by the picture's seed. Test pictures: the shorter side to 8/7 of `side` (256 for
    224), then CenterCrop. Both on uint8 tensors; the global generator rests. Raises DataError.
    """
    pixels = map(read_picture, request.paths, request.bytes)
    if request.seeds is None:
        return torch.stack([_testing(request.side)(one) for one in pixels])
    with torch.random.fork_rng(devices=[]):
        return torch.stack(
            [_augmented(one, seed, request.side) for one, seed in zip(pixels, request.seeds, strict=True)]
        )


def read_picture(path: str, size: int) -> Tensor:
    """Decode one picture of `size` bytes to RGB, uint8 [3, H, W], whatever its colours and true format.

    The same pixels as Pillow gives (a test says so), in two thirds of its time; torchvision 0.29 warns that
    its decoder will move to torchcodec.
    """
    try:
        content = read_file(path)
        if len(content) != size:
            raise RuntimeError(f"{len(content)} bytes, its index says {size}")
        pixels: Tensor = decode_image(content, ImageReadMode.RGB)
        if pixels.dtype != torch.uint8:
            raise RuntimeError(f"pixels of {pixels.dtype}, not of 8 bits")
    except RuntimeError as error:
        reason = re.sub(r"^\w+, .*\.cpp:\d+, ", "", str(error))  # torchvision's place in its source
        raise DataError(f"{path} – damaged or not there ({reason}) – copy this picture once more") from error
    return pixels


def _augmented(pixels: Tensor, seed: int, side: int) -> Tensor:
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would move the generators of GPUs as well
    augmented: Tensor = _training(side)(pixels)
    return augmented


@cache
def _training(side: int) -> Callable[[Tensor], Tensor]:
    transform: Callable[[Tensor], Tensor] = v2.Compose(
        [v2.RandomResizedCrop(side), v2.RandomHorizontalFlip()]
    )
    return transform


@cache
def _testing(side: int) -> Callable[[Tensor], Tensor]:
    transform: Callable[[Tensor], Tensor] = v2.Compose([v2.Resize(side * 8 // 7), v2.CenterCrop(side)])
    return transform
