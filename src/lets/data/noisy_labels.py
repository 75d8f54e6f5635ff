"""Noisy labels as an artifact of their own: the labels in safetensors, and a card that says what they are.

They are drawn symmetrically (paper §4.5), or are those that people gave CIFAR-10's training set anew (CIFAR-10N,
Wei et al., ICLR 2022, arXiv 2110.12088).
"""

import json
import math
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from lets.data.catalogue import HUMAN_LABELS
from lets.data.cifar import check_rate, read_human_labels
from lets.data.dataset import Dataset, arrays_sha256
from lets.data.sources import damaged
from lets.errors import ChecksumError, DataError, SpecError
from lets.files import sha256_file, write_bytes, write_json

__all__ = [
    "NoiseCard",
    "card_of",
    "make_human_labels",
    "make_labels",
    "make_noisy_labels",
    "read_noisy_labels",
    "symmetric_noise",
    "write_noisy_labels",
]


@dataclass(frozen=True)
class NoiseCard:
    """What was asked for and what came out.

    `rate` is the share of labels drawn anew, or of those that people gave the published share of wrong ones;
    `realised_rate` is the share that differs from the truth; `flips_per_class` counts the differing labels by
    true class; `sha256` is over the label array. Drawn labels have a `seed`, people's the sha256 of their file.
    """

    dataset: str
    noise: str
    rate: float
    exclude_true: bool
    seed: int | None
    classes: int
    samples: int
    realised_rate: float
    flips_per_class: tuple[int, ...]
    sha256: str
    file_sha256: str | None = None


def make_labels(
    arrays: Dataset,
    noise: str,
    *,
    rate: float,
    exclude_true: bool,
    seed: int,
    people: Path | None = None,
    subset: Tensor | None = None,
) -> tuple[Tensor, NoiseCard]:
    """Make the noisy training labels of a data set, or of its images `subset` [n], and describe them.

    Symmetric noise is drawn on the images that are trained on, so that its rate is the one asked for whatever
    their number. From the file `people` come the labels that people gave; an image keeps its own.
    """
    true, named = arrays.train.labels, {"dataset": arrays.name, "noise": noise}
    chosen = true if subset is None else true[subset]
    if not people:
        return make_noisy_labels(
            chosen, rate=rate, exclude_true=exclude_true, classes=arrays.classes, seed=seed, **named
        )
    labels, card = make_human_labels(true, classes=arrays.classes, path=people, **named)
    if subset is None:
        return labels, card
    return labels[subset], replace(card, **_outcome(chosen, labels[subset], arrays.classes))


def make_noisy_labels(
    labels: Tensor, *, dataset: str, noise: str, rate: float, exclude_true: bool, classes: int, seed: int
) -> tuple[Tensor, NoiseCard]:
    """Draw symmetric noise over the true `labels` [N] and describe the result; `noise` is its name."""
    noisy = symmetric_noise(labels, rate, classes, seed, exclude_true)
    card = NoiseCard(
        dataset=dataset,
        noise=noise,
        rate=rate,
        exclude_true=exclude_true,
        seed=seed,
        classes=classes,
        **_outcome(labels, noisy, classes),
    )
    return noisy, card


def make_human_labels(
    labels: Tensor, *, dataset: str, noise: str, classes: int, path: Path
) -> tuple[Tensor, NoiseCard]:
    """Read the labels that people gave instead of the true `labels` [N] from their file, and describe them."""
    human = read_human_labels(path, dataset, noise, labels)
    card = NoiseCard(
        dataset=dataset,
        noise=noise,
        rate=HUMAN_LABELS[noise].rate,
        exclude_true=False,
        seed=None,
        classes=classes,
        file_sha256=sha256_file(path),
        **_outcome(labels, human, classes),
    )
    return human, card


def card_of(labels: Tensor, human: Tensor, card: NoiseCard, whole: bool = True) -> NoiseCard:
    """Return what the `card` of people's labels must say.

    ValueError if they are those of the `whole` training set and not as wrong as published.
    """
    if whole:
        check_rate(card.noise, labels, human)
    return replace(card, rate=HUMAN_LABELS[card.noise].rate, **_outcome(labels, human, card.classes))


def _outcome(labels: Tensor, noisy: Tensor, classes: int) -> dict[str, Any]:
    flipped = noisy != labels
    return {
        "samples": len(labels),
        "realised_rate": int(flipped.sum()) / len(labels),
        "flips_per_class": tuple(torch.bincount(labels[flipped], minlength=classes).tolist()),
        "sha256": arrays_sha256({"labels": noisy}),
    }


def write_noisy_labels(labels: Tensor, card: NoiseCard, labels_path: Path, card_path: Path) -> None:
    """Write labels, then card, each atomically; same content, same bytes."""
    write_bytes(labels_path, safetensors.torch.save({"labels": labels.contiguous()}))
    write_json(card_path, {name: value for name, value in asdict(card).items() if value is not None})


def read_noisy_labels(labels_path: Path, card_path: Path) -> tuple[Tensor, NoiseCard]:
    """Read labels int64 [N] and card; labels that are not the card's raise ChecksumError."""
    make = _make(labels_path)
    for path in (labels_path, card_path):
        if not path.is_file():
            raise DataError(f"{path} – missing – run  {make}")
    with damaged(card_path, f"delete it and run  {make}"):
        entries = json.loads(card_path.read_bytes())
        card = NoiseCard(**{"seed": None} | entries | {"flips_per_class": tuple(entries["flips_per_class"])})
    with damaged(labels_path, f"delete it and run  {make}"):
        labels = safetensors.torch.load(labels_path.read_bytes())["labels"]
    digest = arrays_sha256({"labels": labels})
    if digest != card.sha256:
        raise ChecksumError(
            f"{labels_path} – sha256 of the labels is {digest}, the card says {card.sha256} – "
            f"delete both and run  {make}"
        )
    return labels, card


def _make(labels_path: Path) -> str:
    """The command that makes a label file, which lies in the folder of its data set or of a subset of it."""
    folder, noise = labels_path.parent, labels_path.stem
    fetch = " --download" if noise in HUMAN_LABELS else ""
    if not folder.name.startswith("train-"):
        return f"lets data noise {folder.name} {noise}{fetch}"
    samples = folder.name.removeprefix("train-")
    return f"lets data noise {folder.parent.name} {noise} --train-samples {samples}{fetch}"


def symmetric_noise(
    labels: Tensor, rate: float = 0.4, classes: int = 10, seed: int = 0, exclude_true: bool = False
) -> Tensor:
    """Return a copy of `labels` [N] in which exactly ⌊rate·N⌋ random entries are drawn anew, uniformly.

    A new label is one of all `classes`, so that about 1/classes of the drawn ones stay as they are, or with
    `exclude_true` one of the others. The draw depends on `seed` alone (its own CPU generator), the entries of
    a lower rate are among those of a higher one. A rate outside [0, 1] or labels of other classes raise SpecError.
    """
    _check(labels, rate, classes)
    generator = torch.Generator().manual_seed(seed)
    count = math.floor(Fraction(str(rate)) * len(labels))  # decimal: 0.29 of 100 labels are 29, not 28
    chosen = torch.randperm(len(labels), generator=generator)[:count]
    noisy = labels.clone()
    true = labels.cpu()[chosen]
    if exclude_true:
        drawn = (true + torch.randint(1, classes, (count,), generator=generator)) % classes
    else:
        drawn = torch.randint(classes, (count,), generator=generator)
    noisy[chosen.to(labels.device)] = drawn.to(labels)
    return noisy


def _check(labels: Tensor, rate: float, classes: int) -> None:
    if not 0 <= rate <= 1:
        raise SpecError(
            f"noise rate {rate} – not a share of the labels – give a number from 0 to 1, for example 0.4"
        )
    if classes < 2:
        raise SpecError(f"classes={classes} – label noise needs another class to flip to – give at least 2")
    if labels.ndim != 1 or labels.is_floating_point():
        raise SpecError(f"labels of shape {tuple(labels.shape)}, {labels.dtype} – want class numbers [N]")
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise SpecError(
            f"labels from {int(labels.min())} to {int(labels.max())} – outside 0…{classes - 1} – set classes"
        )
