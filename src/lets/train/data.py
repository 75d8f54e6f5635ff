"""What one run trains on and is measured on, on its device."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise

import torch
from torch import nn

from lets.data.catalogue import describe
from lets.data.loader import Loader
from lets.spec import Layout, RunSpec
from lets.spec.noise import Noise
from lets.train.tasks import Batch

Scores = Callable[[nn.Module], dict[str, float]]


@dataclass(frozen=True)
class Place:
    """Where batches are needed: on which device, and by which of how many ranks."""

    device: torch.device
    rank: int
    ranks: int


@dataclass(frozen=True)
class RunData:
    """What one run trains on and is measured on."""

    train: Loader
    validation: Loader
    """the training set again, in an order of its own (paper §4.1); or what is held out of it"""
    measured: Loader
    """what loss and accuracy of training are measured on after an epoch: all images in memory; of pictures on
    disk (in the test transform) and of texts a random sample as large as the test set, the same in every run"""
    test: Loader
    classes: int
    image: tuple[int, ...]
    """(channels, height, width), or the size of the vocabulary"""
    digests: dict[str, str]
    """sha256 of the arrays (or of the list of pictures) and of the labels trained on; of pretrained weights"""
    pretrained: Mapping[str, torch.Tensor] | None = None
    """the weights to start from, but for those of the head"""
    scores: Scores | None = None
    """what else a network reaches, in percent: of texts every metric of the data set, of images the accuracy on
    those held out"""

    @classmethod
    def read(
        cls,
        spec: RunSpec,
        layout: Layout,
        device: torch.device,
        rank: int = 0,
        ranks: int = 1,
        workers: int | None = None,
    ) -> "RunData":
        """Read the prepared data, with the noisy labels where the run asks for them, for one of `ranks`.

        Arrays are on the device once, however many loaders there are, and nowhere else. Pictures are read
        ahead by `workers` processes, by default as many as there are cores; any number gives the same batches.
        """
        info = describe(spec.dataset)
        Noise.parse(spec.noise).check(info)
        place = Place(device, rank, ranks)
        if info.vocabulary:
            from lets.train.text_data import read_texts

            return read_texts(spec, layout, place)
        from lets.train.image_data import read_arrays, read_pictures

        if info.pictures:
            return read_pictures(spec, layout, place, workers)
        return read_arrays(spec, layout, place)

    def pairs(
        self, epoch: int, val_batches: str, start: int = 0, stop: int | None = None
    ) -> Iterator[tuple[Batch, Batch]]:
        """Yield (training batch, validation batch) for the steps start … stop-1 of one epoch.

        With `next`, the validation batch of a step *is* the next step's training batch, so its gradient is
        reused; the last one of an epoch is drawn from the next epoch. The last one of the steps asked for is
        not carried over, so that a run resumed after it spends the same passes. Held-out samples are few and come
        round more often than an epoch ends.
        """
        steps, stop = len(self.train), len(self.train) if stop is None else stop
        if val_batches == "independent":
            both = (loader.epoch(epoch, start, stop) for loader in (self.train, self.validation))
            return zip(*both, strict=True)
        if val_batches == "held-out":
            turns = endless(self.validation, epoch * steps + start)
            return zip(self.train.epoch(epoch, start, stop), turns, strict=False)
        stretch = self.train.epoch(epoch, start, stop + 1)
        if stop < steps:
            return pairwise(stretch)
        return pairwise(chain(stretch, self.train.epoch(epoch + 1, 0, 1)))


def endless(loader: Loader, step: int) -> Iterator[Batch]:
    """Yield the batches of a loader from its `step`-th on, epoch after epoch."""
    epoch, first = divmod(step, len(loader))
    while True:
        yield from loader.epoch(epoch, first)
        epoch, first = epoch + 1, 0
