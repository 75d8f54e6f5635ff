"""CIFAR-10 and CIFAR-100 in torchvision's layout, and the labels that people gave CIFAR-10 anew (CIFAR-10N).

Both are pickles, which get no way to run code.
"""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lets.data.catalogue import HUMAN_LABELS, describe
from lets.data.dataset import Dataset, Split
from lets.data.download import download as fetch
from lets.data.download import fetch_and_unpack
from lets.data.sources import Archive, Source, damaged, default_root, read_verified, source
from lets.errors import ChecksumError, DataError

__all__ = ["ALLOWED", "check_rate", "human_labels_file", "read", "read_human_labels", "restricted_loads"]

SIDE = 32


def read(source: Source, root: Path, download: bool) -> Dataset:
    """Read and verify every file below root/folder; `download` first fetches what is missing or damaged."""
    if download:
        fetch_and_unpack(source, root)
    with damaged(root / source.folder, "compare the entry in datasets.yaml with that of cifar10"):
        entries = {
            split: [
                restricted_loads(read_verified(root / source.folder / file.name, file, source))
                for file in source.files
                if file.split == split
            ]
            for split in ("train", "test", "classes")
        }
        return Dataset(
            name=source.name,
            title=describe(source.name).title,
            train=_split(entries["train"]),
            test=_split(entries["test"]),
            class_names=tuple(_either(entries["classes"][0], "label_names", "fine_label_names")),
        )


def _split(entries: list[dict[str, Any]]) -> Split:
    images = np.concatenate([entry["data"] for entry in entries]).reshape(-1, 3, SIDE, SIDE)
    labels = np.concatenate([_either(entry, "labels", "fine_labels") for entry in entries])
    return Split(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))


def _either(entry: dict[str, Any], cifar10: str, cifar100: str) -> Any:
    return entry[cifar10] if cifar10 in entry else entry[cifar100]


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


# The three globals that an array of uint8 needs, under the names that NumPy 1 and NumPy 2 wrote.
_reconstruct = np.empty(0).__reduce__()[0]
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise DataError(
                f"{module}.{name} – a data file may hold arrays only, this one asks for code – delete it"
            )
        return ALLOWED[module, name]


def restricted_loads(content: bytes) -> Any:
    """Unpickle dictionaries, lists, numbers, strings and NumPy arrays; any other global raises DataError."""
    return _Restricted(io.BytesIO(content), encoding="latin1").load()
