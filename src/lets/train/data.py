"""What one run trains on and is measured on, on its device.

That of images is read here, arrays in memory or pictures on disk; texts have a file of their own.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lets.config import RunSpec, seed_for
from lets.config.paths import Layout
from lets.config.run import Noise
from lets.config.training import Precision, held_out
from lets.data.batches import Batches
from lets.data.catalogue import describe
from lets.data.dataset import Dataset, arrays_sha256, read_processed, read_subset
from lets.data.folder import picture_folder, read_index
from lets.data.loader import Loader
from lets.data.noisy_labels import read_noisy_labels
from lets.data.sources import default_root
from lets.train.tasks import Batch, evaluate

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


def read_arrays(spec: RunSpec, layout: Layout, place: Place) -> RunData:
    """Read images that fit into memory, with the noisy labels where the run asks for them."""
    info, dataset = describe(spec.dataset), read_processed(layout.prepared(spec.dataset))
    seeds, common = spec.seeds(), _common(spec, place)
    (images, labels), digests = _training_set(spec, layout, dataset)

    def batches(images: Tensor, labels: Tensor) -> Batches:
        return Batches(
            images,
            labels,
            augmentation=spec.training.augmentation,
            crop_padding=info.crop_padding,
            seed=seeds["order"],
            **common,
        )

    scores = None
    if spec.training.val_batches == "held-out":
        train, validation = (batches(images[part], labels[part]) for part in _split(spec, len(labels)))
        scores = partial(_on_held_out, validation, spec.training.precision)
    else:
        train = validation = batches(images, labels)
    return RunData(
        train=train,
        validation=validation.with_seed(seeds["validation"]),
        measured=train,
        test=Batches(dataset.test.images, dataset.test.labels, **common),
        classes=info.classes,
        image=info.image,
        digests={"arrays": arrays_sha256(dataset.arrays), **digests},
        scores=scores,
    )


def _training_set(
    spec: RunSpec, layout: Layout, dataset: Dataset
) -> tuple[tuple[Tensor, Tensor], dict[str, str]]:
    """Images and labels to train on, and their digests."""
    images, labels = dataset.train.images, dataset.train.labels
    samples, digests = spec.training.train_samples, {}
    if samples:
        subset = read_subset(layout.subset(spec.dataset, samples))
        images, labels = images[subset], labels[subset]
        digests["images"] = arrays_sha256({"indices": subset})
    if spec.noise != "clean":
        named = spec.dataset, spec.noise, samples
        labels, _ = read_noisy_labels(layout.labels(*named), layout.noise_card(*named))
    return (images, labels), digests | {"training_labels": arrays_sha256({"labels": labels})}


def _split(spec: RunSpec, samples: int) -> tuple[Tensor, Tensor]:
    """The samples to train on and those held out, by number: the same ones in every run on a data set."""
    chance = torch.Generator().manual_seed(seed_for("held-out", spec.dataset))
    held = torch.randperm(samples, generator=chance)[: held_out(samples, spec.training.batch_size)]
    trained = torch.ones(samples, dtype=torch.bool)
    trained[held] = False
    return trained.nonzero().flatten(), held.sort().values


def _on_held_out(held: Batches, precision: Precision, model: torch.nn.Module) -> dict[str, float]:
    """What settings can be chosen by without a look at the test set; every rank measures all of it."""
    whole = copy(held)
    whole.rank, whole.ranks = 0, 1
    return {"held_out_accuracy": evaluate(model, whole, precision).accuracy}


def read_pictures(spec: RunSpec, layout: Layout, place: Place, workers: int | None) -> RunData:
    """Read the list of pictures that stay on disk, and get `workers` ready to decode them."""
    # Here, because torchvision takes a second to import, and a matrix of short runs has no pictures.
    from lets.data.pictures import Pictures, Readers, default_workers

    info, index = describe(spec.dataset), read_index(layout.prepared(spec.dataset))
    digests = {"arrays": index.sha256}
    if samples := spec.training.train_samples:
        subset = read_subset(layout.subset(spec.dataset, samples))
        index = index.part(subset)
        digests["images"] = arrays_sha256({"indices": subset})
    folder = picture_folder(info, default_root(), index.folder)
    workers = default_workers(place.ranks) if workers is None else workers
    readers = Readers(workers, pin=place.device.type == "cuda")
    common, seeds = _common(spec, place) | {"side": info.image[1], "readers": readers}, spec.seeds()
    train = Pictures(
        folder, index.train, augmentation=spec.training.augmentation, seed=seeds["order"], **common
    )
    chosen = torch.Generator().manual_seed(seed_for("measured", spec.dataset))
    sample = torch.randperm(len(index.train), generator=chosen)[: len(index.test)]
    return RunData(
        train=train,
        validation=train.with_seed(seeds["validation"]),
        measured=Pictures(folder, [index.train[i] for i in sample.tolist()], **common),
        test=Pictures(folder, index.test, **common),
        classes=info.classes,
        image=info.image,
        digests=digests | {"training_labels": arrays_sha256({"labels": index.labels})},
    )


def _common(spec: RunSpec, place: Place) -> dict[str, Any]:
    info, training = describe(spec.dataset), spec.training
    return {
        "batch_size": training.batch_size,
        "mean": info.mean,
        "std": info.std,
        "memory_format": torch.channels_last if training.channels_last else torch.contiguous_format,
        **vars(place),
    }
