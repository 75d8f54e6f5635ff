"""Images: arrays in memory, or pictures on disk."""

from copy import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lets.data.batches import Batches
from lets.data.catalogue import describe
from lets.data.dataset import Dataset, arrays_sha256, read_processed, read_subset
from lets.data.folder import picture_folder, read_index
from lets.data.noisy_labels import read_noisy_labels
from lets.data.sources import default_root
from lets.spec import Layout, RunSpec, seed_for
from lets.spec.training import Precision, held_out
from lets.train.data import Place, RunData
from lets.train.tasks import evaluate


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
