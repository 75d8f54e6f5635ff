"""Definitions of WordNet, to be told apart by what they define: an animal, an artifact, food, a person or a plant."""

from pathlib import Path

import torch

from lets.data.catalogue import describe
from lets.data.packaged import read_packaged
from lets.data.sources import Source
from lets.data.texts import TextDataset, Texts
from lets.data.tokenizing import train_tokenizer

__all__ = ["read"]

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


def read(source: Source, root: Path, download: bool = False) -> TextDataset:
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
