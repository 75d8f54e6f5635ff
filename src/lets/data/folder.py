"""The pictures of a data set in their folder, the usual layout: train/CLASS/PICTURE and val/CLASS/PICTURE.

Their index is the prepared artifact: where each one lies, how long it is, of which class.
"""

import csv
import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from lets.data.catalogue import DatasetInfo, describe
from lets.data.download import fetch_and_unpack_folder
from lets.data.sources import damaged, source
from lets.errors import ChecksumError, DataError
from lets.files import write_bytes

__all__ = ["Picture", "PictureIndex", "find_pictures", "picture_folder", "read_index", "scan", "write_index"]

SPLITS = ("train", "val")
SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")
SHOWN = 3
"""names in a message"""


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


def find_pictures(name: str, root: Path, partial: bool = False, download: bool = False) -> PictureIndex:
    """Find every picture of a data set below `root` and check that none is missing or empty.

    A part of the data set raises DataError unless `partial`; the index then says what is missing. `download`
    fetches a set that may be fetched by anyone, if its folder is not there.
    """
    info = describe(name)
    if download and source(name).archive and not any((root / one).is_dir() for one in info.pictures):
        fetch_and_unpack_folder(source(name), root)
    folder = picture_folder(info, root)
    index = scan(info.name, folder)
    if index.missing and not partial:
        raise DataError(
            f"{folder} – not all of {info.title}: {', '.join(index.missing)} – bring the rest, or use "
            f"what is there, which no audit will accept:  lets data prepare {name} --partial"
        )
    return index


def picture_folder(info: DatasetInfo, root: Path, folder: str | None = None) -> Path:
    """Return the first folder of a data set below `root`, or its `folder`; DataError if it is not there."""
    wanted = [folder] if folder else info.pictures
    for one in wanted:
        if (root / one).is_dir():
            return root / one
    missing, origin = root / wanted[0], source(info.name)
    get = (
        f"run  lets data prepare {info.name} --download"
        if origin.archive
        else f"get it from {origin.homepage}"
    )
    raise DataError(
        f"{missing} – missing, so {info.name} cannot be read – {get};  if it lies elsewhere, link it:  "
        f"ln -s FOLDER {missing}  or set LETS_DATA to the folder that holds {missing.name}/"
    )


def scan(name: str, folder: Path) -> PictureIndex:
    """List the pictures of `folder` in the order of torchvision's ImageFolder: by class, then by name.

    A split without class folders, splits with different classes and empty files raise DataError.
    """
    classes = {split: _classes(name, folder / split) for split in SPLITS}
    if unmatched := sorted(set(classes["train"]) ^ set(classes["val"])):
        raise DataError(
            f"{folder} – train/ and val/ have different classes: {_some(unmatched)} – complete the split that "
            "lacks them"
        )
    pictures = {
        split: [
            picture for label, one in enumerate(names) for picture in _pictures(folder, split, one, label)
        ]
        for split, names in classes.items()
    }
    if empty := [one.path for split in SPLITS for one in pictures[split] if not one.bytes]:
        raise DataError(f"{folder} – {len(empty)} empty pictures: {_some(empty)} – copy them once more")
    index = PictureIndex(name, folder.name, tuple(classes["train"]), pictures["train"], pictures["val"])
    if index.surplus:
        raise DataError(
            f"{folder} – more than {describe(name).title}: {', '.join(index.surplus)} – remove it"
        )
    return index


def _classes(name: str, split: Path) -> list[str]:
    if not split.is_dir():
        raise DataError(f"{split} – missing – the folder of {name} holds train/CLASS/ and val/CLASS/")
    with _readable(split), os.scandir(split) as entries:
        classes = sorted(_name(entry) for entry in entries if entry.is_dir())
    if not classes:
        raise DataError(
            f"{split} – has no class folders, the pictures lie flat in it – sort them with the script valprep.sh "
            "of soumith/imagenetloader.torch, or let torchvision.datasets.ImageNet unpack the original archives"
        )
    return classes


def _pictures(folder: Path, split: str, name: str, label: int) -> Iterator[Picture]:
    with _readable(folder / split / name), os.scandir(folder / split / name) as entries:
        found = sorted(
            (_name(entry), _size(entry)) for entry in entries if entry.name.lower().endswith(SUFFIXES)
        )
    if not found:
        raise DataError(
            f"{folder / split / name} – holds no picture ({', '.join(SUFFIXES)}) – copy this class once more"
        )
    return (Picture(f"{split}/{name}/{file}", size, label) for file, size in found)


def _name(entry: "os.DirEntry[str]") -> str:
    """Return the name of a class or a picture; DataError if it is not text, as bytes that are not UTF-8."""
    if not entry.name.isprintable():
        raise DataError(f"{entry.path!r} – a name that cannot be listed as text – rename it")
    return entry.name


def _size(entry: "os.DirEntry[str]") -> int:
    """Return how long a picture is; DataError for a broken link, and for what is no file."""
    if not entry.is_file():
        what = "a link that leads nowhere" if entry.is_symlink() and not entry.is_dir() else "no file"
        raise DataError(f"{entry.path} – is {what} – copy this picture once more")
    return entry.stat().st_size


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} – cannot be read ({error.strerror}) – check its rights") from error


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


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
    make = f"lets data prepare {path.parent.name} --download"
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
