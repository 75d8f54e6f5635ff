"""Batches of pictures that stay on disk: decoded ahead, by worker processes, and normalised on the training device.

Decoder and transforms are torchvision's own.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.io import ImageReadMode, decode_image, read_file
from torchvision.transforms import v2

from lets.data.folder import Picture
from lets.data.images import ImageLoader, ImageSettings
from lets.data.loader import hashed
from lets.errors import DataError, SpecError

__all__ = ["Pictures", "Readers", "Request", "decode", "default_workers", "read_picture"]


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


MOST_WORKERS = 16
AHEAD = 2
"""requests that wait for each worker"""


def default_workers(ranks: int = 1) -> int:
    """As many workers as this process may use cores, shared by the ranks of this machine, 16 at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, cores // ranks))


class Readers:
    """`workers` processes for each stream that is open at the same time; they wait for the next one.

    Without workers the pictures are read here, when they are asked for: the same bytes. `pin` puts them into
    page-locked memory, from where a GPU fetches them without the host waiting.
    """

    def __init__(self, workers: int, pin: bool = False) -> None:
        self.workers, self.pin = workers, pin
        self._idle: list[DataLoader[Tensor | DataError]] = []

    def stream(self, requests: Iterable[Request]) -> Iterator[Tensor]:
        """Yield the pixels of each request, uint8 [n, 3, H, W] on the CPU; raises DataError."""
        loader = self._idle.pop() if self._idle else self._start()
        try:
            loader.sampler.requests = requests  # type: ignore[attr-defined]
            for pixels in loader:
                if isinstance(pixels, DataError):
                    raise pixels
                yield pixels
        finally:
            self._idle.append(loader)

    def _start(self) -> "DataLoader[Tensor | DataError]":
        settings: dict[str, Any] = (
            {"prefetch_factor": AHEAD, "persistent_workers": True} if self.workers else {}
        )
        return DataLoader(
            _Decoder(),
            batch_size=None,
            sampler=_Requests(),
            num_workers=self.workers,
            pin_memory=self.pin,
            generator=torch.Generator(),  # its own, so that the global one rests
            **settings,
        )


class _Requests(Sampler[Request]):
    """What the stream that is open asks for."""

    requests: Iterable[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.requests)


class _Decoder(Dataset[Tensor | DataError]):
    """A data set whose items are named by requests, so that workers need to know nothing."""

    def __getitem__(self, request: Request) -> Tensor | DataError:
        try:
            return decode(request)
        except DataError as error:  # as a value: raised, it would come with the worker's stack in its message
            return error


REQUEST = 32
"""pictures that a worker reads at a time: a batch is ready as soon as all workers together have read it"""


class Pictures(ImageLoader):
    """Shuffled, augmented, normalised batches of `pictures` below `folder`, cut to `side` × `side`.

    `crop-flip` is ImageNet's usual augmentation, a random part of 8 to 100 % of the area at a ratio from 3/4
    to 4/3, resized, and a flip; `none` is the test transform (see `decode`). The augmentation of
    a picture depends on (seed, epoch, picture) alone, not on who reads it: any `readers` give the same batches.
    """

    def __init__(
        self,
        folder: Path,
        pictures: Sequence[Picture],
        *,
        side: int,
        readers: Readers,
        **settings: Unpack[ImageSettings],
    ) -> None:
        if settings.get("augmentation") == "crop-flip-cutout":
            raise SpecError(
                "augmentation 'crop-flip-cutout' – cutout is for data sets in memory, pictures get random "
                "parts of all sizes instead – write  augmentation: crop-flip"
            )
        if not pictures:
            raise SpecError(f"{folder} – not one picture to make batches of – prepare the data set once more")
        super().__init__(torch.tensor([picture.label for picture in pictures]), (side, side), **settings)
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
