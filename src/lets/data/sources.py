"""Where the bytes come from and what they must be: `datasets.yaml`, typed. Imports no torch."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from lets.data.catalogue import describe
from lets.errors import SpecError

__all__ = ["Archive", "File", "Source", "source", "sources"]

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
    entries = yaml.safe_load(path.read_text())
    return {name: _source(name, **entry) for name, entry in entries.items()}


def source(name: str) -> Source:
    """The source of one data set; an unknown name raises SpecError."""
    return sources()[describe(name).name]


def _source(
    name: str,
    archive: dict[str, object] | None = None,
    downloads: list[dict[str, object]] | None = None,
    files: list[dict[str, object]] | None = None,
    human_labels: dict[str, object] | None = None,
    **facts: str,
) -> Source:
    try:
        return Source(
            name,
            archive=Archive(**archive) if archive else None,  # type: ignore[arg-type]
            downloads=tuple(Archive(**one) for one in downloads or ()),  # type: ignore[arg-type]
            files=tuple(File(**file) for file in files or ()),  # type: ignore[arg-type]
            human_labels=Archive(**human_labels) if human_labels else None,  # type: ignore[arg-type]
            **facts,
        )
    except TypeError as error:
        raise SpecError(f"datasets.yaml, {name} – {error} – compare with the entry of cifar10") from error
