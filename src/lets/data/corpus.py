"""The parallel corpora: how their folders look, and how their sentence pairs are read and checked to be the ones.

Imports no torch.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lets.data.catalogue import DatasetInfo, describe
from lets.data.download import download
from lets.data.sources import Source, source
from lets.errors import ChecksumError, DataError, SpecError

__all__ = [
    "CORPORA",
    "SPLITS",
    "Corpus",
    "CorpusInfo",
    "Lines",
    "corpus_info",
    "fetch_missing",
    "read_corpus",
    "split_words",
]

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class CorpusInfo:
    """Where the sentences of a data set lie: `stem` of a split, then .de or .en, as they are or gzipped.

    The first of its `folders` below the data root is read. `raw` text has to be lower-cased and split into
    words; the other was, and may have a BPE applied to it by subword-nmt, which is undone. `code` is the file
    of the merges of its BPE; where there is none, they are learned from the training text. `made_by` is what
    makes the files, where nobody offers them as they are.
    """

    folders: tuple[str, ...]
    stems: Mapping[str, str]
    valid_size: int
    raw: bool
    code: str = ""
    made_by: str = ""

    def sizes(self, info: DatasetInfo) -> dict[str, int]:
        """How many pairs each split has."""
        return {"train": info.train_size, "valid": self.valid_size, "test": info.test_size}


CORPORA = {
    "iwslt14": CorpusInfo(
        folders=("iwslt14.tokenized.de-en", "iwslt14.de-en"),
        stems={split: split for split in SPLITS},
        valid_size=7_283,
        raw=False,
        code="code",
        made_by="fairseq's examples/translation/prepare-iwslt14.sh with the scripts of Moses",
    ),
    "multi30k": CorpusInfo(
        folders=("multi30k",),
        stems={"train": "train", "valid": "val", "test": "test_2016_flickr"},
        valid_size=1_014,
        raw=True,
    ),
}


def corpus_info(name: str) -> CorpusInfo:
    """How the folder of the corpus called `name` looks; SpecError for any other data set."""
    if name not in CORPORA:
        raise SpecError(
            f"dataset {name!r} – {describe(name).title} is no folder of sentence pairs – "
            f"choose from: {', '.join(CORPORA)}"
        )
    return CORPORA[name]


WORD = re.compile(r"\w+(?:[-'’.,]\w+)*|[^\w\s]")
BPE_MARK = "@@ "


@dataclass(frozen=True)
class Lines:
    """The sentences of one split, words apart by one space: German `source`, English `target`."""

    source: list[str]
    target: list[str]

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class Corpus:
    """Splits train, valid and test; `missing` says what is not as in the whole data set, nothing if it is.

    `code` is the path of the merges of its BPE, None where they have to be learned.
    """

    name: str
    splits: Mapping[str, Lines]
    missing: tuple[str, ...]
    code: Path | None


def fetch_missing(source: Source, root: Path) -> None:
    """Download the files of a corpus that are not below `root`, neither packed nor unpacked.

    Those that are there stay as they are. Where nobody offers the files nothing is done: reading says why.
    """
    for one in source.downloads:
        packed = root / one.file
        if not packed.is_file() and not packed.with_suffix("").is_file():
            download(one, packed)


def read_corpus(name: str, root: Path, partial: bool = False) -> Corpus:
    """Read a parallel corpus below `root`; its number of pairs, and the known checksums, must fit.

    A part of it, or other sentences, raise DataError and ChecksumError unless `partial`.
    """
    layout = corpus_info(name)
    folder = _folder(name, layout, root)
    texts = {split: _read_split(name, layout, folder, split) for split in SPLITS}
    missing = [*_fewer(name, layout, folder, texts)]
    if missing and not partial:
        raise DataError(
            f"{folder} – not all of {describe(name).title}: {', '.join(missing)} – bring the rest, or use what "
            f"is there, which no audit will accept:  lets data prepare {name} --partial"
        )
    if (changed := [*_changed(name, texts)]) and not partial:
        raise ChecksumError(
            f"{folder} – other sentences than the usual ones: {'; '.join(changed)} – bring those of "
            f"{source(name).homepage}, or use these, which no audit will accept:  "
            f"lets data prepare {name} --partial"
        )
    prepared = split_words if layout.raw else str
    splits = {
        split: Lines([prepared(line) for line in lines["de"]], [prepared(line) for line in lines["en"]])
        for split, lines in texts.items()
    }
    code = folder / layout.code
    found = code if layout.code and code.is_file() else None
    return Corpus(name, splits, tuple(missing + changed), found)


def split_words(line: str) -> str:
    """Lower-case a raw sentence and set its words apart.

    A word is a run of letters and digits, with hyphens, apostrophes, points and commas if they stand inside;
    every other sign is a word of its own.
    """
    return " ".join(WORD.findall(line.lower()))


def _folder(name: str, layout: CorpusInfo, root: Path) -> Path:
    for one in layout.folders:
        if (root / one).is_dir():
            return root / one
    raise _missing(name, layout, root / layout.folders[0])


def _missing(name: str, layout: CorpusInfo, path: Path) -> DataError:
    folder = layout.folders[0]
    if layout.made_by:
        return DataError(
            f"{path} – missing, so {name} cannot be read, and nobody offers it for download: it is made by "
            f"{layout.made_by} – run that and link what it made:  ln -s MADE {path}  or set LETS_DATA to the "
            f"folder that holds {folder}/"
        )
    return DataError(
        f"{path} – missing, so {name} cannot be read – run  lets data prepare {name} --download  or set "
        f"LETS_DATA to the folder that holds {folder}/"
    )


def _read_split(name: str, layout: CorpusInfo, folder: Path, split: str) -> dict[str, list[str]]:
    paths = {language: folder / f"{layout.stems[split]}.{language}" for language in ("de", "en")}
    lines = {language: _read_lines(name, layout, path) for language, path in paths.items()}
    if len(lines["de"]) != len(lines["en"]):
        raise DataError(
            f"{paths['de']} – {len(lines['de'])} lines, {paths['en'].name} has {len(lines['en'])} – "
            "a line of one is the translation of the same line of the other: copy both once more"
        )
    size = layout.sizes(describe(name))[split]
    if len(lines["de"]) > size:
        raise DataError(
            f"{paths['de']} – {len(lines['de'])} lines, {describe(name).title} has {size} – remove the others"
        )
    return lines


def _read_lines(name: str, layout: CorpusInfo, path: Path) -> list[str]:
    zipped = path.with_name(path.name + ".gz")
    if not (found := next((one for one in (path, zipped) if one.is_file()), None)):
        raise _missing(name, layout, path)
    try:
        content = found.read_bytes()
        text = (gzip.decompress(content) if found == zipped else content).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ChecksumError(
            f"{found} – damaged, no text in UTF-8 ({error}) – {_again(name, layout)}"
        ) from error
    # not splitlines: a line separator of Unicode within a sentence ends no line
    return text.replace(BPE_MARK, "").replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []


def _again(name: str, layout: CorpusInfo) -> str:
    """How to get a damaged file anew."""
    return "delete it and " + (
        "bring it again" if layout.made_by else f"run  lets data prepare {name} --download"
    )


def _fewer(
    name: str, layout: CorpusInfo, folder: Path, texts: Mapping[str, dict[str, list[str]]]
) -> list[str]:
    sizes = layout.sizes(describe(name))
    for split, lines in texts.items():
        if not lines["de"]:
            raise DataError(f"{folder}/{layout.stems[split]}.de – empty – {_again(name, layout)}")
    return [
        f"{len(lines['de'])} of {sizes[split]} pairs of {split}"
        for split, lines in texts.items()
        if len(lines["de"]) < sizes[split]
    ]


def _changed(name: str, texts: Mapping[str, dict[str, list[str]]]) -> list[str]:
    """The files with another MD5 than `datasets.yaml` tells; of their lines, whatever they were packed in."""
    changed = []
    for file in source(name).files:
        content = "".join(f"{line}\n" for line in texts[file.split][file.name.rpartition(".")[2]]).encode()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if md5 != file.md5:
            changed.append(
                f"{file.name} has md5 {md5} ({len(content)} bytes), usual is {file.md5} ({file.bytes})"
            )
    return changed
