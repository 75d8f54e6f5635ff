"""Data sets that come with an installed package, so that nothing is downloaded.

Scans of digits; emoji, a parallel corpus of a few words a line; and definitions of WordNet, to be told apart by what
they define.
"""

import importlib.metadata
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from lets.data.catalogue import describe
from lets.data.corpus import Corpus, Lines, split_words
from lets.data.dataset import Dataset, Split, arrays_sha256
from lets.data.parallel import Translation, encode
from lets.data.sources import Source, intact
from lets.data.texts import TextDataset, Texts, train_tokenizer
from lets.errors import ChecksumError, DataError

__all__ = ["read_definitions", "read_digits", "read_emoji", "read_packaged"]

TEST_EVERY = 5
"""every fifth scan, from the first on, is a test image"""


def read_digits(source: Source, root: Path, download: bool) -> Dataset:
    """Read and verify the 1,797 scans, 8×8, in scikit-learn's wheel; grey values 0…16 become uint8 0…240."""
    from sklearn.datasets import load_digits  # a second that no other data set is worth

    bunch = load_digits()
    images = torch.from_numpy((bunch.images * 15).astype(np.uint8)).unsqueeze(1)
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    test = torch.arange(len(labels)) % TEST_EVERY == 0
    dataset = Dataset(
        name=source.name,
        title=describe(source.name).title,
        train=Split(images[~test], labels[~test]),
        test=Split(images[test], labels[test]),
        class_names=tuple(str(name) for name in bunch.target_names),
    )
    digest = arrays_sha256(dataset.arrays)
    if digest != source.arrays_sha256:
        raise ChecksumError(
            f"scikit-learn's digits – sha256 of the arrays is {digest}, should be {source.arrays_sha256} – "
            "install the locked version:  pip install -r requirements.lock"
        )
    return dataset


def read_packaged(source: Source) -> dict[str, str]:
    """Read and verify every file of `source.folder`, whose first part is the package; return name → text.

    Raises DataError if the package is not installed, ChecksumError for a file with other bytes, or none.
    """
    package, *inside = source.folder.split("/")
    folder = _folder(package, source).joinpath(*inside)
    found = {}
    for file in source.files:
        path = folder / file.name
        if not intact(path, file):
            raise ChecksumError(
                f"{path} – its md5 is not {file.md5}: {package} {importlib.metadata.version(package)} comes with "
                f"another one – run  pip install --force-reinstall '{source.package}'"
            )
        found[file.name] = path.read_text(encoding="utf-8")
    return found


def _folder(package: str, source: Source) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"dataset {source.name!r} – comes with the package {package}, which is not installed – run  "
            "pip install 'lets-repro[language]'"
        )
    return Path(spec.submodule_search_locations[0])


def read_emoji(source: Source, root: Path, download: bool = False) -> Translation:
    """Read, verify and encode the names; they come with the package emoji, `root` is not looked at.

    Of every ten names in the order of the package the third is tested on, the eighth is for validation. The skin
    tones of one figure are different names.
    """
    texts = read_packaged(source)
    pairs = list(
        dict.fromkeys(_names(*(json.loads(texts[name]) for name in ("emoji_de.json", "emoji.json"))))
    )
    chosen = {
        "train": [pair for i, pair in enumerate(pairs) if i % 10 not in (2, 7)],
        "valid": pairs[7::10],
        "test": pairs[2::10],
    }
    splits = {split: Lines(*map(list, zip(*some, strict=True))) for split, some in chosen.items()}
    return encode(Corpus(source.name, splits, missing=(), code=None))


def _names(german: dict[str, str], symbols: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    for symbol, names in symbols.items():
        yield _words(german[symbol]), _words(names["en"])


def _words(name: str) -> str:
    """`:winkende_hand_helle_hautfarbe:` as words; a comma stands there without a space."""
    return split_words(name.strip(":").replace("_", " ").replace(",", " , "))


CLASSES = {
    "animal": range(1_313_093, 2_665_985),
    "artifact": range(2_665_985, 4_615_866),
    "food": range(7_555_863, 7_938_773),
    "person": range(9_483_738, 11_408_559),
    "plant": range(11_529_603, 13_240_514),
}
"""numbers of the synsets, as the lexicographers' files follow one another in WordNet 3.0 (data.noun)"""

EVERY = 5
"""which of the definitions are taken: enough for a few seconds' training"""


def read_definitions(source: Source, root: Path, download: bool = False) -> TextDataset:
    """Read and verify the definitions of ImageNet's synsets; they come with the package timm, `root` is not looked at.

    Every fifth definition of the five classes is taken, in the order of the synsets; of these every fifth is
    tested on.
    """
    (text,) = read_packaged(source).values()
    lines = [line.split("\t") for line in text.splitlines()]
    rows = [
        (definition, label)
        for synset, definition in lines
        for label, numbers in enumerate(CLASSES.values())
        if int(synset[1:]) in numbers
    ][::EVERY]
    splits = {
        "train": _texts([row for i, row in enumerate(rows) if i % 5 != 2]),
        "test": _texts(rows[2::5]),
    }
    return TextDataset(
        name=source.name,
        title=describe(source.name).title,
        splits=splits,
        class_names=tuple(CLASSES),
        tokenizer=train_tokenizer(splits["train"].rows),
    )


def _texts(rows: list[tuple[str, int]]) -> Texts:
    return Texts(tuple((definition,) for definition, _ in rows), torch.tensor([label for _, label in rows]))
