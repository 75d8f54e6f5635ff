"""CIFAR-10 and CIFAR-100 from the folders of their Python version, torchvision's layout."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from lets.data.catalogue import describe
from lets.data.dataset import Dataset, Split
from lets.data.download import fetch_and_unpack
from lets.data.sources import Source
from lets.data.verify import damaged, read_verified, restricted_loads

__all__ = ["read"]

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
