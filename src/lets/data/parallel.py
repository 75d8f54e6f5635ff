"""Parallel corpora as token ids: byte-pair encoding of two languages together, and the artifact that is made with it.

The encoding is that of Sennrich et al. (ACL 2016), as subword-nmt applies it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lets.data.catalogue import describe
from lets.data.corpus import Corpus, fetch_missing, read_corpus
from lets.data.dataset import read_artifact, write_artifact
from lets.data.sources import Source, damaged, language
from lets.data.tokens import PAD, Pairs, Tokens
from lets.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "EOS",
    "LONGEST",
    "LONGEST_TRAINED",
    "PAD",
    "UNK",
    "Bpe",
    "Merge",
    "Translation",
    "encode",
    "learn_merges",
    "read",
    "read_merges",
]

EOS, UNK = 1, 2
END = "</w>"
PRIVATE = 0xF0000
"""the first code point that stands for no character"""
SPECIAL = ("<pad>", "<eos>", "<unk>" + END)
"""with these ids; an unknown character is read back as a word of its own"""

Merge = tuple[str, str]


class Bpe:
    """Sentences, their words apart by one space, to token ids and back.

    Made by `of` from the text it shall know and its merges, or from the `json` of another one.
    """

    def __init__(self, text: str) -> None:
        self.json = text
        self._tokenizer: Tokenizer = language("tokenizers").Tokenizer.from_str(text)
        tokens = self._tokenizer.get_vocab()
        self.tokens = tuple(sorted(tokens, key=tokens.__getitem__))

    @classmethod
    def of(cls, lines: Iterable[str], merges: Sequence[Merge], vocabulary: int) -> "Bpe":
        """The BPE of these merges with at most `vocabulary` tokens.

        Its tokens are PAD, EOS, UNK, the characters of `lines` (those at the end of a word are others) and what
        the merges make of them. If there is no room for all characters the rarest are unknown.
        """
        made = dict.fromkeys(first + second for first, second in merges)
        room = vocabulary - len(SPECIAL) - len(made)
        tokens = dict.fromkeys([*SPECIAL, *_characters(lines)[: max(0, room)]])
        known = []
        for first, second in merges:
            if first in tokens and second in tokens and len(tokens) < vocabulary:
                tokens[first + second] = None
                known.append((first, second))
        return cls(_tokenizer({token: id_ for id_, token in enumerate(tokens)}, known).to_str())

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Token ids of every line, EOS the last one."""
        return [[*one.ids, EOS] for one in self._tokenizer.encode_batch_fast(list(lines))]

    def decode(self, ids: Iterable[int]) -> str:
        """The words of a sentence, from the ids before its first EOS; PAD is skipped."""
        pieces = []
        for id_ in ids:
            if id_ == EOS:
                break
            pieces.append("" if id_ == PAD else self.tokens[id_])
        return "".join(pieces).replace(END, " ").rstrip(" ")


def read_merges(path: Path) -> list[Merge]:
    """Read the file that subword-nmt's learn_bpe writes: a version, then one merge of two symbols a line."""
    with damaged(path, "copy it once more, or delete it: a BPE is then learned from the training text"):
        head, *lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    if head.split() != ["#version:", "0.2"]:
        raise DataError(
            f"{path} – begins with {head[:40]!r}, want subword-nmt's merges: '#version: 0.2' – learn it once "
            "more, or delete it: a BPE is then learned from the training text"
        )
    merges = [tuple(line.split(" ")) for line in lines]
    for number, merge in enumerate(merges, 2):
        if len(merge) != 2:
            raise DataError(
                f"{path}, line {number} – {' '.join(merge)!r} – want two symbols – copy the file once more"
            )
    return merges  # type: ignore[return-value]


def learn_merges(lines: Iterable[str], vocabulary: int) -> list[Merge]:
    """Learn as many merges from `lines` as a vocabulary of this size has room for beside the characters.

    The most frequent pair first; the same text gives the same merges, however many threads count it.
    """
    library = language("tokenizers")
    words = [line.split(" ") for line in lines]
    last = {character: chr(PRIVATE + i) for i, character in enumerate(sorted(_last_characters(words)))}
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.Split(" ", "removed")
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False
    )
    # A character of its own for each one that ends a word: with the library's mark for the end of words, the
    # order of its hash table decides between pairs that are equally frequent.
    marked = (" ".join(word[:-1] + last[word[-1]] for word in line if word) for line in words)
    tokenizer.train_from_iterator(marked, trainer)
    unmarked = str.maketrans({mark: character + END for character, mark in last.items()})
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(first.translate(unmarked), second.translate(unmarked)) for first, second in merges]


def _last_characters(words: Iterable[Iterable[str]]) -> set[str]:
    return {word[-1] for line in words for word in line if word}


def _characters(lines: Iterable[str]) -> list[str]:
    """The most frequent first, equally frequent ones by code point; at the end of a word with its mark."""
    words = Counter(word for line in lines for word in line.split(" ") if word)
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for symbol in (*word[:-1], word[-1] + END):
            counts[symbol] += count
    return sorted(counts, key=lambda symbol: (-counts[symbol], symbol))


def _tokenizer(vocabulary: dict[str, int], merges: list[Merge]) -> "Tokenizer":
    library = language("tokenizers")
    model = library.models.BPE(vocabulary, merges, unk_token=SPECIAL[UNK], end_of_word_suffix=END)
    tokenizer = library.Tokenizer(model)
    # a space and nothing else ends a word, as for subword-nmt
    tokenizer.pre_tokenizer = library.pre_tokenizers.Split(" ", "removed")
    return tokenizer  # type: ignore[no-any-return]


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

        with damaged(path, f"delete it and run  lets data prepare {path.parent.name} --download"):
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
