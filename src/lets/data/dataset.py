"""A data set of images in memory, its digest, the prepared artifact on disk, and parts of its training set.

The artifact of every data set is one safetensors file of named arrays, with what there is to know of them in its
header.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from lets.data.sources import damaged
from lets.errors import ChecksumError, DataError, SpecError
from lets.files import write_bytes

__all__ = [
    "Dataset",
    "Split",
    "arrays_sha256",
    "draw_subset",
    "read_artifact",
    "read_processed",
    "read_subset",
    "write_artifact",
    "write_processed",
    "write_subset",
]


@dataclass(frozen=True)
class Split:
    """`images` uint8 [N, C, H, W] and `labels` int64 [N], on the CPU."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A training and a test split; `class_names` are in the order of the labels."""

    name: str
    title: str
    train: Split
    test: Split
    class_names: tuple[str, ...]

    @property
    def classes(self) -> int:
        """The number of classes; labels are 0 … classes-1."""
        return len(self.class_names)

    @property
    def image(self) -> tuple[int, int, int]:
        """(channels, height, width) of every image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    @property
    def arrays(self) -> Mapping[str, Tensor]:
        """The four arrays by name, as they are hashed and stored."""
        return {
            "train.images": self.train.images,
            "train.labels": self.train.labels,
            "test.images": self.test.images,
            "test.labels": self.test.labels,
        }


def write_processed(dataset: Dataset, path: Path) -> None:
    """Write `dataset` to `path` atomically, names and digest in the header; same content, same bytes."""
    card = {"name": dataset.name, "title": dataset.title, "class_names": dataset.class_names}
    write_artifact(dataset.arrays, card, path)


def read_processed(path: Path) -> Dataset:
    """Read what `write_processed` wrote; a missing file raises DataError, other bytes ChecksumError."""
    card, arrays = read_artifact(path)
    with damaged(path, f"delete it and run  lets data prepare {path.parent.name} --download"):
        return Dataset(
            name=card["name"],
            title=card["title"],
            train=Split(arrays["train.images"], arrays["train.labels"]),
            test=Split(arrays["test.images"], arrays["test.labels"]),
            class_names=tuple(card["class_names"]),
        )


def write_artifact(arrays: Mapping[str, Tensor], card: Mapping[str, Any], path: Path) -> None:
    """Write `arrays` to `path` atomically, the `card` and their digest in the header; same content, same bytes.

    `card` has a `name`, that of the data set.
    """
    # one header entry, because safetensors does not keep the order of several
    header = {"dataset": json.dumps({**card, "sha256": arrays_sha256(arrays)}, ensure_ascii=False)}
    write_bytes(path, safetensors.torch.save(dict(arrays), header))


def read_artifact(path: Path, make: str = "") -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read card and arrays that `write_artifact` wrote.

    A missing file raises DataError, other bytes ChecksumError; `make` is the command that makes the file, by
    default that of the data set of its folder.
    """
    make = make or f"lets data prepare {path.parent.name} --download"
    if not path.is_file():
        raise DataError(f"{path} – missing – run  {make}")
    with damaged(path, f"delete it and run  {make}"):
        with safetensors.safe_open(path, framework="pt") as file:
            card = json.loads(file.metadata()["dataset"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 – a handle, no mapping
        expected = card["sha256"]
    digest = arrays_sha256(arrays)
    if digest != expected:
        raise ChecksumError(
            f"{path} – sha256 of the arrays is {digest}, its header says {expected} – delete it and run  {make}"
        )
    return card, arrays


def arrays_sha256(arrays: Mapping[str, Tensor]) -> str:
    """Hexadecimal SHA-256 over name, dtype, shape and little-endian bytes of each array, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name].detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()


def draw_subset(labels: Tensor, samples: int, seed: int) -> Tensor:
    """Return the numbers int64 [samples], increasing, of random ones among the true `labels` [N].

    Each class gets its share of `samples` rounded down; the images still missing go to the classes with the
    largest remainders. The draw depends on the labels and on `seed` alone (its own CPU generator). SpecError
    unless 0 < samples ≤ N.
    """
    if not 0 < samples <= len(labels):
        raise SpecError(
            f"{samples} of {len(labels)} training samples – no part of them – give for example {len(labels) // 2}"
        )
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    of_class = order[labels[order].argsort(stable=True)]
    totals = labels.bincount().tolist()
    parts = zip(torch.split(of_class, totals), _shares(totals, samples), strict=True)
    return torch.cat([part[:share] for part, share in parts]).sort().values


def _shares(totals: list[int], samples: int) -> list[int]:
    """Divide `samples` among classes in proportion to their `totals`, by largest remainder, first class first."""
    exact = [Fraction(samples * total, sum(totals)) for total in totals]
    shares = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda c: shares[c] - exact[c])
    for c in by_remainder[: samples - sum(shares)]:
        shares[c] += 1
    return shares


def write_subset(indices: Tensor, dataset: str, seed: int, path: Path) -> None:
    """Write the numbers of the images of a subset atomically; same content, same bytes."""
    write_artifact({"indices": indices}, {"name": dataset, "samples": len(indices), "seed": seed}, path)


def read_subset(path: Path) -> Tensor:
    """Read the numbers that `write_subset` wrote; a missing file raises DataError, other bytes ChecksumError."""
    dataset, samples = path.parent.parent.name, path.parent.name.removeprefix("train-")
    _, arrays = read_artifact(path, make=f"lets data subset {dataset} {samples}")
    return arrays["indices"]
