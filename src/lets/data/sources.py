"""Where the bytes come from and what they must be: `datasets.yaml`, typed. Imports no torch."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

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
