"""What comes with a package, against the package itself."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import lets.data
from lets.data.corpus import split_words
from lets.data.packaged import CLASSES, read_packaged
from lets.data.parallel import Translation
from lets.data.sources import source
from lets.data.texts import TextDataset
from lets.errors import ChecksumError, DataError


@pytest.fixture(scope="module")
def names() -> Translation:
    loaded = lets.data.load("emoji")
    assert isinstance(loaded, Translation)
    return loaded


@pytest.fixture(scope="module")
def definitions() -> TextDataset:
    loaded = lets.data.load("definitions")
    assert isinstance(loaded, TextDataset)
    return loaded


def words(translation: Translation, split: str) -> list[tuple[str, str]]:
    """German and English of every pair, out of their ids."""

    def read(side: str) -> list[str]:
        stored = getattr(translation.splits[split], side)
        ids, ends = stored.ids.tolist(), stored.ends.tolist()
        return [translation.bpe.decode(ids[a:b]) for a, b in zip([0, *ends], ends, strict=False)]

    return list(zip(read("source"), read("target"), strict=True))


def test_the_names_are_those_that_the_package_gives(names: Translation) -> None:
    emoji = pytest.importorskip("emoji")
    every = {
        tuple(
            split_words(
                re.sub("(_|(?=,))", " ", emoji.demojize(symbol, language=language, delimiters=("", "")))
            )
            for language in ("de", "en")
        )
        for symbol in emoji.EMOJI_DATA
    }
    assert len(every) == sum(map(len, names.splits.values()))
    for split in names.splits:
        pairs = words(names, split)
        readable = [pair for pair in pairs if "<unk>" not in " ".join(pair)]
        assert len(readable) > 0.98 * len(pairs)
        assert set(readable) <= every


def test_a_name_is_in_one_split(names: Translation) -> None:
    splits = [
        {pair for pair in words(names, split) if "<unk>" not in " ".join(pair)} for split in names.splits
    ]
    assert sum(map(len, splits)) == len(set().union(*splits))


def test_emoji_that_everybody_knows(names: Translation) -> None:
    every = {pair for split in names.splits for pair in words(names, split)}
    assert {("gesicht mit freudentränen", "face with tears of joy"), ("rakete", "rocket")} <= every


@pytest.mark.parametrize(
    ("phrase", "defined"),
    [
        ("wasp", "animal"),
        ("a small boat", "artifact"),
        ("pasta", "food"),
        ("someone who", "person"),
        ("perennial herb", "plant"),
    ],
)
def test_definitions_are_of_their_class(definitions: TextDataset, phrase: str, defined: str) -> None:
    labels = [
        definitions.class_names[label]
        for texts in definitions.splits.values()
        for (text,), label in zip(texts.rows, texts.labels.tolist(), strict=True)
        if phrase in text
    ]
    assert labels
    assert labels.count(defined) > len(labels) / 2


def test_the_synsets_of_a_class_follow_one_another() -> None:
    """First and last synset of each lexicographers' file; looked up in data.noun of WordNet 3.0."""
    ends = {
        "animal": (1_313_093, 2_665_812),
        "artifact": (2_665_985, 4_615_728),
        "food": (7_555_863, 7_938_594),
        "person": (9_483_738, 11_408_414),
        "plant": (11_529_603, 13_240_362),
    }
    assert set(ends) == set(CLASSES)
    for name, (first, last) in ends.items():
        assert CLASSES[name].start == first
        assert last in CLASSES[name]


def test_a_definition_is_in_one_split_unless_wordnet_has_it_twice(definitions: TextDataset) -> None:
    train, test = set(definitions.train.rows), set(definitions.test.rows)
    assert len(train & test) < 0.01 * len(test)


def test_another_version_of_the_package_is_refused() -> None:
    emoji = source("emoji")
    changed = replace(emoji, files=(replace(emoji.files[0], md5="0" * 32),))
    with pytest.raises(
        ChecksumError, match=r"emoji_de\.json – its md5 is not 0{32}: emoji 2\.16\.0 comes with an"
    ):
        read_packaged(changed)
    with pytest.raises(ChecksumError, match=r"run  pip install --force-reinstall 'emoji==2\.16\.0'$"):
        read_packaged(replace(emoji, files=(replace(emoji.files[0], name="none.json"),)))


def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(
        DataError, match=r"'emoji' – comes with the package no_such_package, which is not installed"
    ):
        read_packaged(replace(source("emoji"), folder="no_such_package/data"))


def test_the_data_root_is_not_looked_at() -> None:
    assert lets.data.load("definitions", root=Path("/nowhere")).name == "definitions"
