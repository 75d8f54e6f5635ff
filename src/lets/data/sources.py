"""Where data sets and pretrained weights come from, where they lie, and which packages they need.

And whether a file has the bytes that it should have. Imports no torch.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from lets.data.catalogue import describe
from lets.errors import ChecksumError, DataError, LetsError, SpecError
from lets.own import is_own

__all__ = [
    "PICKLE",
    "REVISIONS",
    "TOKENIZER",
    "WEIGHTS",
    "Archive",
    "File",
    "Source",
    "damaged",
    "default_root",
    "intact",
    "language",
    "missing_packages",
    "pretrained_folder",
    "read_verified",
    "source",
    "sources",
    "whole_folder",
]

SOURCES_FILE = Path(__file__).with_name("datasets.yaml")


@dataclass(frozen=True)
class Archive:
    """What is downloaded; `file` is its name below the data root. An empty `md5` is not known, nor checked."""

    url: str
    file: str
    bytes: int
    md5: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class File:
    """One unpacked file below the source's folder; `split` is train, valid, test, classes (the class names) or all."""

    name: str
    split: str
    bytes: int
    md5: str


@dataclass(frozen=True)
class Source:
    """Origin, licence and citation of a data set; digests of its bytes where they are known.

    `downloads` are files that are fetched as they are, where there is no `archive` of them. Of what comes with
    a package, `package` is what pip installs to get these bytes, and `folder` begins with what is imported.
    `human_labels` is the file of the labels that people gave its training set anew.
    """

    name: str
    role: str
    homepage: str
    licence: str
    citation: str
    archive: Archive | None = None
    downloads: tuple[Archive, ...] = field(default=())
    folder: str = ""
    package: str = ""
    files: tuple[File, ...] = field(default=())
    arrays_sha256: str = ""
    human_labels: Archive | None = None


@cache
def sources(path: Path = SOURCES_FILE) -> dict[str, Source]:
    """Read every source of `datasets.yaml`, by data set."""
    try:
        entries = dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise SpecError(
            f"{path} – cannot be read ({str(error).splitlines()[0]}) – restore it:  git checkout {path}"
        ) from error
    return {name: _source(name, entry) for name, entry in entries.items()}


def source(name: str) -> Source:
    """The source of one data set; an unknown name raises SpecError."""
    row = describe(name).name
    if row not in sources():
        raise SpecError(
            f"dataset {row!r} – is in the catalogue, but {SOURCES_FILE.name} does not say where it comes from – "
            f"add an entry  {row}:  to {SOURCES_FILE}, as cifar10 has one"
        )
    return sources()[row]


def _source(name: str, entry: Any) -> Source:
    try:
        facts = dict(entry)
        archive, human = facts.pop("archive", None), facts.pop("human_labels", None)
        return Source(
            name,
            archive=Archive(**archive) if archive else None,
            downloads=tuple(Archive(**one) for one in facts.pop("downloads", None) or ()),
            files=tuple(File(**one) for one in facts.pop("files", None) or ()),
            human_labels=Archive(**human) if human else None,
            **facts,
        )
    except (TypeError, ValueError) as error:
        raise SpecError(f"datasets.yaml, {name} – {error} – compare with the entry of cifar10") from error


def default_root() -> Path:
    """The data root where none is given: the environment variable LETS_DATA, else data/raw."""
    return Path(os.environ.get("LETS_DATA") or "data/raw")


@contextmanager
def damaged(path: Path, remedy: str) -> Iterator[None]:
    """Turn what a parser raises over a file that is not whole into a ChecksumError: it may raise anything."""
    try:
        yield
    except LetsError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise ChecksumError(
            f"{path} – damaged, or not the file that was written ({reason}) – {remedy}"
        ) from error


def intact(path: Path, file: File) -> bool:
    """Whether `path` exists with the size and MD5 of `file`."""
    return path.is_file() and path.stat().st_size == file.bytes and _md5(path.read_bytes()) == file.md5


def read_verified(path: Path, file: File, source: Source) -> bytes:
    """The content of `path`; a missing file raises DataError, a wrong size or MD5 ChecksumError."""
    prepare = f"run  lets data prepare {source.name} --download"
    if not path.is_file():
        raise DataError(
            f"{path} – missing, so {source.name} cannot be read – {prepare}  or set LETS_DATA to its root"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} – cannot be read ({error.strerror}) – check its rights, or {prepare}"
        ) from error
    digest = _md5(content)
    if digest != file.md5 or len(content) != file.bytes:
        raise ChecksumError(
            f"{path} – damaged: md5 {digest} ({len(content)} bytes), "
            f"should be {file.md5} ({file.bytes} bytes) – {prepare}"
        )
    return content


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


REVISIONS = {"microsoft/deberta-base": "0d1b43ccf21b5acd9f4e5f7b077fa698f05cf195"}
"""repository → the commit that is fetched"""

WEIGHTS, PICKLE = "model.safetensors", "pytorch_model.bin"
"""what is trained from, and what it is made of if that is all there is"""

TOKENIZER = ("vocab.json", "merges.txt")


def pretrained_folder(repository: str, root: Path) -> Path:
    """Where the files of a repository lie below the data root."""
    return root / repository.replace("/", "--")


def whole_folder(repository: str, root: Path) -> Path:
    """The folder of a repository that can be trained from; DataError says how to get what is missing."""
    folder = pretrained_folder(repository, root)
    for name in (WEIGHTS, *TOKENIZER):
        if not (folder / name).is_file():
            raise DataError(
                f"{folder / name} – missing, so nothing can start from {repository} – run  lets data weights "
                f"{repository} --download;  where there is no network, bring {', '.join((PICKLE, *TOKENIZER))} "
                f"of its commit {REVISIONS[repository]} to {folder} and run  lets data weights {repository}"
            )
    return folder


OF_TEXTS = ("sacrebleu", "tokenizers", "transformers")


def language(package: str) -> Any:
    """Import `tokenizers`, `sacrebleu` or `transformers`; SpecError says how to install what is missing."""
    try:
        return import_module(package)
    except ImportError as error:
        raise SpecError(
            f"language – the package {package} cannot be imported ({error}) – run  "
            "pip install 'lets-repro[language]'"
        ) from error


def missing_packages(dataset: str) -> list[str]:
    """The packages that training on a data set needs and that are not installed, without importing any.

    Texts need three, and the one that they come with; images need none of these, nor what is the user's own.
    """
    if is_own(dataset):
        return []
    origin = source(dataset)
    package = origin.folder.split("/")[:1] if origin.package else []
    needed = [*(OF_TEXTS if describe(dataset).vocabulary else ()), *package]
    return [name for name in needed if find_spec(name) is None]
