"""The prepared artifact of a data set of pictures: where each one lies, how long it is, of which class."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from lets.data.catalogue import describe
from lets.data.verify import damaged
from lets.errors import ChecksumError, DataError
from lets.records.files import write_bytes

__all__ = ["Picture", "PictureIndex", "read_index", "write_index"]


class Picture(NamedTuple):
    """One picture: its path below the data set's folder, its length in bytes, its class number."""

    path: str
    bytes: int
    label: int


@dataclass(frozen=True)
class PictureIndex:
    """Every picture of a data set; `folder` is its folder's name below the data root.

    `class_names` are in the order of the labels, WordNet ids for ImageNet; the test set is what lies in val/.
    """

    dataset: str
    folder: str
    class_names: tuple[str, ...]
    train: list[Picture]
    test: list[Picture]

    @property
    def missing(self) -> tuple[str, ...]:
        """What the whole data set has and this one has not: "6 of 1281167 training pictures"."""
        return tuple(text for text, here, whole in self._counts() if here < whole)

    @property
    def surplus(self) -> tuple[str, ...]:
        """What there is more of than in the data set."""
        return tuple(text for text, here, whole in self._counts() if here > whole)

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 over paths, lengths and classes, as the file lists them."""
        return hashlib.sha256(_body(self)).hexdigest()

    @property
    def labels(self) -> Tensor:
        """The class numbers int64 [N] of the training pictures."""
        return torch.tensor([picture.label for picture in self.train])

    def part(self, subset: Tensor) -> "PictureIndex":
        """Return the index with those of its training pictures only that have the numbers `subset`."""
        return replace(self, train=[self.train[i] for i in subset.tolist()])

    def _counts(self) -> Iterator[tuple[str, int, int]]:
        info = describe(self.dataset)
        for what, here, whole in (
            ("classes", len(self.class_names), info.classes),
            ("training pictures", len(self.train), info.train_size),
            ("test pictures", len(self.test), info.test_size),
        ):
            yield f"{here} of {whole} {what}", here, whole


def write_index(index: PictureIndex, path: Path) -> None:
    """Write a gzipped csv atomically, a card in its first line; same content, same bytes."""
    card = {
        "dataset": index.dataset,
        "folder": index.folder,
        "class_names": index.class_names,
        "missing": index.missing,
        "sha256": index.sha256,
    }
    head = f"# {json.dumps(card, ensure_ascii=False)}\n".encode()
    write_bytes(path, gzip.compress(head + _body(index), mtime=0))


def read_index(path: Path) -> PictureIndex:
    """Read what `write_index` wrote; a missing file raises DataError, other bytes ChecksumError."""
    make = f"lets data prepare {path.parent.name}"
    if not path.is_file():
        raise DataError(f"{path} – missing – run  {make}")
    with damaged(path, f"delete it and run  {make}"):
        head, _, body = gzip.decompress(path.read_bytes()).partition(b"\n")
        card = json.loads(head.removeprefix(b"# "))
        rows = islice(csv.reader(io.StringIO(body.decode(), newline="")), 1, None)  # below the names
        pictures = [Picture(row[0], int(row[1]), int(row[2])) for row in rows]
        index = PictureIndex(
            card["dataset"],
            card["folder"],
            tuple(card["class_names"]),
            train=[picture for picture in pictures if picture.path.startswith("train/")],
            test=[picture for picture in pictures if picture.path.startswith("val/")],
        )
        expected = card["sha256"]
    if index.sha256 != expected:
        raise ChecksumError(
            f"{path} – sha256 of the list is {index.sha256}, its first line says {expected} – "
            f"delete it and run  {make}"
        )
    return index


def _body(index: PictureIndex) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["path", "bytes", "class"])
    writer.writerows([*index.train, *index.test])
    return buffer.getvalue().encode()
