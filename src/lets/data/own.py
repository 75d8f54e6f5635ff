"""A data set of the user's own: a function that returns images and labels, checked, and prepared like any other.

The header of the prepared arrays says what there is to know of it, so that the function is called once.
"""

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from lets import own
from lets.data.catalogue import DatasetInfo
from lets.data.dataset import Dataset, Split, write_artifact
from lets.errors import DataError

__all__ = ["prepare", "read"]

SHAPE = "want ((images, labels), (images, labels)), to train and to test on"


def prepare(name: str, path: Path) -> None:
    """Call the function and write its arrays to `path`, with their row of a catalogue and the digest of their source.

    Raises DataError for what cannot be trained on.
    """
    digest, dataset = own.digest(name), read(name)
    card = {"name": name, "title": dataset.title, "class_names": dataset.class_names}
    write_artifact(dataset.arrays, {**card, "info": asdict(_info(dataset)), "source": digest}, path)


def read(name: str) -> Dataset:
    """Call the function "module:function"; raises DataError for what cannot be trained on."""
    try:
        found = own.function(name)()
    except Exception as error:
        raise DataError(f"{name!r} – raised {own.reason(error)} – repair it, {own.PAGE}") from error
    try:
        train, test = (Split(*map(torch.as_tensor, pair)) for pair in found)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name!r} – returned something else ({error}) – {SHAPE}, {own.PAGE}") from error
    for split, part in (("training", train), ("test", test)):
        _check(name, split, part, train)
    return Dataset(name, name, train, test, tuple(map(str, range(int(train.labels.max()) + 1))))


def _check(name: str, split: str, part: Split, train: Split) -> None:
    """Raise DataError for a split that no network can be trained or tested on."""
    wrong = _wrong_images(part.images, train.images) or _wrong_labels(
        part.labels, len(part.images), train.labels
    )
    if wrong:
        raise DataError(f"{name!r} – its {split} set has {wrong} – {own.PAGE}")


def _wrong_images(images: Tensor, like: Tensor) -> str:
    if images.ndim != 4 or images.dtype != torch.uint8 or 0 in images.shape:
        have = f"{images.dtype} {[*images.shape]}".removeprefix("torch.")
        return f"{have} as images, and not uint8 [N, channels, height, width]"
    if images.shape[1:] != like.shape[1:]:
        return f"images {[*images.shape[1:]]}, and to train on {[*like.shape[1:]]}"
    return ""


def _wrong_labels(labels: Tensor, images: int, known: Tensor) -> str:
    if labels.dtype != torch.int64 or labels.shape != (images,):
        have = f"{labels.dtype} {[*labels.shape]}".removeprefix("torch.")
        return f"{have} as labels, and not int64 [{images}], one of each image"
    classes = known.unique()
    if not classes.equal(torch.arange(len(classes))) or not torch.isin(labels, classes).all():
        return (
            f"labels {labels.unique().tolist()[:9]}, and labels are 0 to classes-1, each in the training set"
        )
    return ""


def _rounded(values: Tensor) -> tuple[float, ...]:
    """Per channel, to four places as in the catalogue."""
    return tuple(round(value, 4) for value in values.tolist())


def _info(dataset: Dataset) -> DatasetInfo:
    """Measure what a row of the catalogue says; a crop moves by an eighth of the image, as on digits and CIFAR."""
    pixels = dataset.train.images.double() / 255
    deviation = pixels.std((0, 2, 3), correction=0)
    return DatasetInfo(
        name=dataset.name,
        title=dataset.title,
        classes=dataset.classes,
        train_size=len(dataset.train),
        test_size=len(dataset.test),
        image=dataset.image,
        mean=_rounded(pixels.mean((0, 2, 3))),
        std=_rounded(deviation.where(deviation > 0, 1)),
        crop_padding=dataset.image[1] // 8,
        reader=dataset.name,
    )
