"""The names of the emoji in German and English, as Unicode gives them: a parallel corpus of a few words a line."""

import json
from collections.abc import Iterator
from pathlib import Path

from lets.data.corpus import Corpus, Lines, split_words
from lets.data.packaged import read_packaged
from lets.data.sources import Source
from lets.data.translation import Translation, encode

__all__ = ["read"]


def read(source: Source, root: Path, download: bool = False) -> Translation:
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
