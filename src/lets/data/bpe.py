"""Byte-pair encoding of two languages together (Sennrich et al., ACL 2016), as subword-nmt applies it."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lets.data.sources import language
from lets.data.tokens import PAD
from lets.data.verify import damaged
from lets.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["EOS", "PAD", "UNK", "Bpe", "Merge", "learn_merges", "read_merges"]

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
