"""CIFAR-10N: labels that people gave CIFAR-10's training set anew (Wei et al., ICLR 2022, arXiv 2110.12088)."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lets.data.catalogue import HUMAN_LABELS, describe
from lets.data.download import download as fetch
from lets.data.root import default_root
from lets.data.sources import Archive, source
from lets.data.unpickle import ALLOWED
from lets.errors import ChecksumError, DataError

__all__ = ["check_rate", "human_labels_file", "read_human_labels"]

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
        return _checked(_read(path), noise, labels)
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


def _read(path: Path) -> dict[str, object]:
    # What an array needs, under the names that NumPy 1 and 2 wrote: data, never code.
    known: list[Any] = [(one, f"{module}.{name}") for (module, name), one in ALLOWED.items()]
    try:
        with torch.serialization.safe_globals([*known, np.dtypes.Int64DType]):
            arrays = torch.load(path, weights_only=True)
        if zipfile.is_zipfile(path) and (
            member := zipfile.ZipFile(path).testzip()
        ):  # torch looks at no checksum
            raise ValueError(f"{member} is damaged")
    except FileNotFoundError:
        raise
    except (
        Exception
    ) as error:  # what torch makes of another file: IndexError of a page of HTML, struct.error, …
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
