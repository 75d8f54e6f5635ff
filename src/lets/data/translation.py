"""A parallel corpus in memory as token ids: what a translation is trained and measured on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lets.data.bpe import Bpe, learn_merges, read_merges
from lets.data.catalogue import describe
from lets.data.corpus import Corpus, fetch_missing, read_corpus
from lets.data.dataset import read_artifact, write_artifact
from lets.data.sources import Source
from lets.data.tokens import Pairs, Tokens
from lets.data.verify import damaged
from lets.errors import DataError

__all__ = ["LONGEST", "LONGEST_TRAINED", "Translation", "encode", "read"]

LONGEST_TRAINED = 175
"""tokens that a training sentence may have: longer ones are left out with their translation"""

LONGEST = 1_024
"""tokens that any other sentence may have"""


@dataclass(frozen=True)
class Translation:
    """A prepared corpus: its `splits` train, valid and test, and the BPE that their ids are of.

    `references` are the target sentences of valid and test as they were before BPE: an unknown character is in
    them. `missing` says what is not as in the whole data set, `dropped` how many training pairs were too long.
    """

    name: str
    title: str
    splits: Mapping[str, Pairs]
    references: Mapping[str, tuple[str, ...]]
    bpe: Bpe
    missing: tuple[str, ...] = ()
    dropped: int = 0

    @property
    def vocabulary(self) -> int:
        """Rows of an embedding: the catalogue's number, which the tokens of the BPE may not fill."""
        return describe(self.name).vocabulary

    @property
    def arrays(self) -> Mapping[str, Tensor]:
        """All arrays by name, as they are hashed and stored."""
        texts = {f"{split}.references": _bytes(lines) for split, lines in self.references.items()}
        return texts | {
            f"{split}.{side}.{name}": array
            for split, pairs in self.splits.items()
            for side, tokens in vars(pairs).items()
            for name, array in (("ids", tokens.ids), ("ends", tokens.ends))
        }

    def write(self, path: Path) -> None:
        """Write it to `path` atomically, the BPE in the header; same content, same bytes."""
        card = {
            "name": self.name,
            "title": self.title,
            "missing": self.missing,
            "dropped": self.dropped,
            "bpe": self.bpe.json,
        }
        write_artifact(self.arrays, card, path)

    @classmethod
    def read(cls, path: Path) -> "Translation":
        """Read what `write` wrote; a missing file raises DataError, other bytes ChecksumError."""
        card, arrays = read_artifact(path)

        def tokens(split: str, side: str) -> Tokens:
            return Tokens(arrays[f"{split}.{side}.ids"], arrays[f"{split}.{side}.ends"])

        with damaged(path, f"delete it and run  lets data prepare {path.parent.name}"):
            return cls(
                card["name"],
                card["title"],
                splits={
                    split: Pairs(tokens(split, "source"), tokens(split, "target"))
                    for split in ("train", "valid", "test")
                },
                references={split: _lines(arrays[f"{split}.references"]) for split in ("valid", "test")},
                bpe=Bpe(card["bpe"]),
                missing=tuple(card["missing"]),
                dropped=card["dropped"],
            )


def read(source: Source, root: Path, download: bool = False, partial: bool = False) -> Translation:
    """Read, verify and encode a parallel corpus below `root`; `download` first fetches what is missing.

    Errors are those of `download`, `read_corpus` and `encode`.
    """
    if download:
        fetch_missing(source, root)
    return encode(read_corpus(source.name, root, partial))


def encode(corpus: Corpus) -> Translation:
    """Encode a corpus with its BPE, or with one learned from its training text.

    Training pairs with a sentence over LONGEST_TRAINED tokens are left out and counted; a sentence over
    LONGEST in valid or test raises DataError.
    """
    info, train = describe(corpus.name), corpus.splits["train"]
    text = train.source + train.target
    merges = read_merges(corpus.code) if corpus.code else learn_merges(text, info.vocabulary)
    bpe = Bpe.of(text, merges, info.vocabulary)
    encoded = {
        split: (bpe.encode(lines.source), bpe.encode(lines.target)) for split, lines in corpus.splits.items()
    }
    for split in ("valid", "test"):
        _refuse_long(corpus.name, split, encoded[split])
    short = [pair for pair in zip(*encoded["train"], strict=True) if _longest(pair) <= LONGEST_TRAINED]
    if not short:
        raise DataError(
            f"{corpus.name} – not one training pair of at most {LONGEST_TRAINED} tokens – see its files"
        )
    dropped = len(train) - len(short)
    encoded["train"] = ([source for source, _ in short], [target for _, target in short])
    return Translation(
        corpus.name,
        info.title,
        splits={split: Pairs(*map(Tokens.of, sides)) for split, sides in encoded.items()},
        references={split: tuple(corpus.splits[split].target) for split in ("valid", "test")},
        bpe=bpe,
        missing=corpus.missing,
        dropped=dropped,
    )


def _longest(sentences: Sequence[Sequence[int]]) -> int:
    """Tokens of the longest one, EOS not counted."""
    return max(map(len, sentences)) - 1


def _refuse_long(name: str, split: str, sides: tuple[list[list[int]], list[list[int]]]) -> None:
    for number, pair in enumerate(zip(*sides, strict=True), 1):
        if _longest(pair) > LONGEST:
            raise DataError(
                f"{name}, {split}, line {number} – {_longest(pair)} tokens, a sentence has at most {LONGEST} – "
                "is it one sentence? split the line, in both languages"
            )


def _bytes(lines: Sequence[str]) -> Tensor:
    return torch.frombuffer(bytearray("\n".join(lines).encode()), dtype=torch.uint8)


def _lines(content: Tensor) -> tuple[str, ...]:
    return tuple(content.numpy().tobytes().decode().split("\n"))
