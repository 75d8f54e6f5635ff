"""Noisy labels as an artifact of their own: the labels in safetensors, and a card that says what they are.

They are drawn symmetrically (paper §4.5), or are those that people gave CIFAR-10's training set anew (CIFAR-10N,
Wei et al., ICLR 2022, arXiv 2110.12088).
"""

import json
import math
import zipfile
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from lets.data.catalogue import HUMAN_LABELS, describe
from lets.data.dataset import Dataset, arrays_sha256
from lets.data.download import download as fetch
from lets.data.sources import Archive, default_root, source
from lets.data.verify import ALLOWED, damaged
from lets.errors import ChecksumError, DataError, SpecError
from lets.files import sha256_file, write_bytes, write_json

__all__ = [
    "NoiseCard",
    "card_of",
    "check_rate",
    "human_labels_file",
    "make_human_labels",
    "make_labels",
    "make_noisy_labels",
    "read_human_labels",
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
    folder = labels_path.parent
    if not folder.name.startswith("train-"):
        return f"lets data noise {folder.name} {labels_path.stem}"
    samples = folder.name.removeprefix("train-")
    return f"lets data noise {folder.parent.name} {labels_path.stem} --train-samples {samples}"


def symmetric_noise(
    labels: Tensor, rate: float = 0.4, classes: int = 10, seed: int = 0, exclude_true: bool = False
) -> Tensor:
    """Return a copy of `labels` [N] in which exactly ⌊rate·N⌋ random entries are drawn anew, uniformly.

    A new label is one of all `classes`, so that about 1/classes of the drawn ones stay as they are, or with
    `exclude_true` one of the others. The draw depends on `seed` alone (its own CPU generator), the entries of
    a lower rate are among those of a higher one. A rate outside [0, 1] or foreign labels raise SpecError.
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


TOLERANCE = 5e-5
"""the published shares are rounded to 0.01 percent points"""


def human_labels_file(dataset: str, root: Path | None = None, download: bool = False) -> Path:
    """Return where the file lies below the data root; `download` fetches it if it is not there."""
    archive = _archive(dataset)
    path = (root or default_root()) / archive.file
    if download and not path.is_file():
        fetch(archive, path)
    return path


def read_human_labels(path: Path, dataset: str, noise: str, labels: Tensor) -> Tensor:
    """Return the labels int64 [N] that people gave; `labels` are the true ones of the training set.

    The file's own true labels must be these, which proves its order, and as many labels must be wrong as
    published. A missing file raises DataError, another one ChecksumError; no code of the file is run.
    """
    try:
        return _checked(_read_arrays(path), noise, labels)
    except FileNotFoundError as error:
        raise DataError(
            f"{path} – missing, so nothing is known of people's labels of {dataset} – "
            f"run  lets data noise {dataset} {noise} --download  or put it there, from {_archive(dataset).url}"
        ) from error
    except ValueError as error:
        raise ChecksumError(
            f"{path} – {error} – delete it and run  lets data noise {dataset} {noise} --download"
        ) from error


def check_rate(noise: str, labels: Tensor, human: Tensor) -> None:
    """Raise ValueError unless as many of people's labels differ from the true ones as published."""
    rate, rates = int((human != labels).sum()) / len(labels), HUMAN_LABELS[noise].rates
    if all(abs(rate - right) > TOLERANCE for right in rates):
        published = " or ".join(f"{100 * right:.2f} %" for right in rates)
        raise ValueError(f"{100 * rate:.3f} % of the labels {noise} are wrong, published are {published}")


def _read_arrays(path: Path) -> dict[str, object]:
    # What an array needs, under the names that NumPy 1 and 2 wrote: data, never code.
    known: list[Any] = [(one, f"{module}.{name}") for (module, name), one in ALLOWED.items()]
    try:
        with torch.serialization.safe_globals([*known, np.dtypes.Int64DType]):
            arrays = torch.load(path, weights_only=True)
        # torch looks at no checksum
        if zipfile.is_zipfile(path) and (member := zipfile.ZipFile(path).testzip()):
            raise ValueError(f"{member} is damaged")
    except FileNotFoundError:
        raise
    except (
        Exception
    ) as error:  # of another file torch raises anything: IndexError of a page of HTML, struct.error, …
        raise ValueError(f"not a file of arrays ({type(error).__name__})") from error
    return arrays if isinstance(arrays, dict) else {}


def _checked(arrays: dict[str, object], noise: str, labels: Tensor) -> Tensor:
    wanted = HUMAN_LABELS[noise]
    if not _labels(arrays, "clean_label").equal(labels):
        raise ValueError("its clean_label are not the training labels in their order")
    human = _labels(arrays, wanted.key)
    if human.shape != labels.shape or human.min() < 0 or human.max() > labels.max():
        raise ValueError(f"its {wanted.key} are not one known class for each image")
    check_rate(noise, labels, human)
    return human


def _labels(arrays: dict[str, object], key: str) -> Tensor:
    array = arrays.get(key)
    if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.ndim != 1 or not array.size:
        raise ValueError(f"holds no labels {key}")
    return torch.from_numpy(array)


def _archive(dataset: str) -> Archive:
    archive = source(dataset).human_labels
    assert archive, f"nobody labelled {describe(dataset).title} anew"
    return archive
