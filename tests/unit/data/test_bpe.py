"""BPE against worked examples and against subword-nmt's algorithm, written out here."""

import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from lets.data.corpus import read_corpus
from lets.data.parallel import EOS, PAD, UNK, Bpe, Merge, learn_merges, read_merges
from lets.errors import DataError, SpecError


def subword_nmt(line: str, rank: Mapping[Merge, int]) -> list[str]:
    """apply_bpe of subword-nmt: in each word merge the pair that was learned first, until there is none."""
    return [symbol for word in line.split(" ") for symbol in _segmented(word, rank)]


def _segmented(word: str, rank: Mapping[Merge, int]) -> list[str]:
    symbols = [*word[:-1], word[-1] + "</w>"]
    while pairs := [pair for pair in pairwise(symbols) if pair in rank]:
        best, merged = min(pairs, key=rank.__getitem__), []
        while symbols:
            if tuple(symbols[:2]) == best:
                merged.append(symbols.pop(0) + symbols.pop(0))
            else:
                merged.append(symbols.pop(0))
        symbols = merged
    return symbols


def pieces(bpe: Bpe, line: str) -> list[str]:
    (ids,) = bpe.encode([line])
    assert ids[-1] == EOS
    return [bpe.tokens[i] for i in ids[:-1]]


MERGES = [("l", "o"), ("lo", "w"), ("lo", "w</w>"), ("e", "r</w>"), ("low", "er</w>"), ("a", "a")]


def test_worked_example() -> None:
    bpe = Bpe.of(["low lower slow newer aaaa", "aaa"], MERGES, 100)
    assert pieces(bpe, "low lower slow newer") == [
        "low</w>",
        "lower</w>",
        "s",
        "low</w>",
        "n",
        "e",
        "w",
        "er</w>",
    ]
    assert pieces(bpe, "aaaa aaa") == ["aa", "a", "a</w>", "aa", "a</w>"]
    assert bpe.tokens[:3] == ("<pad>", "<eos>", "<unk></w>")
    assert (PAD, EOS, UNK) == (0, 1, 2)
    assert bpe.decode([PAD, *bpe.encode(["slow lower"])[0], 9, 9]) == "slow lower"


def test_the_most_frequent_characters_come_first() -> None:
    """a twice, then by code point those that are there once; at the end of a word they are others."""
    assert Bpe.of(["ab aab"], [], 100).tokens[3:] == ("a", "b</w>")
    assert Bpe.of(["acb d"], [], 100).tokens[3:] == ("a", "b</w>", "c", "d</w>")
    assert Bpe.of(["acb d"], [], 5).tokens[3:] == ("a", "b</w>")
    assert Bpe.of(["acb d"], [("a", "c"), ("x", "y")], 100).tokens[3:] == ("a", "b</w>", "c", "d</w>", "ac")


def test_an_unknown_character_is_a_word_of_its_own() -> None:
    bpe = Bpe.of(["low"], [], 100)
    assert bpe.encode(["l京w"]) == [[*bpe.encode(["lo low"])[0][:1], UNK, bpe.tokens.index("w</w>"), EOS]]
    assert bpe.decode(bpe.encode(["low 京京 low"])[0]) == "low <unk> <unk> low"


def test_only_a_space_ends_a_word() -> None:
    bpe = Bpe.of(["a\u00a0b c\u2028d"], [], 100)
    assert pieces(bpe, "a\u00a0b  c\u2028d") == ["a", "\u00a0", "b</w>", "c", "\u2028", "d</w>"]


def test_as_subword_nmt_with_the_merges_of_iwslt14(parallel_root: Path) -> None:
    corpus = read_corpus("iwslt14", parallel_root, partial=True)
    assert corpus.code is not None
    merges, train = read_merges(corpus.code), corpus.splits["train"]
    assert (len(merges), merges[:2]) == (10_000, [("e", "n</w>"), ("t", "h")])
    bpe = Bpe.of(train.source + train.target, merges, 10_240)
    lines, rank = train.source[:700] + train.target[:700], {merge: i for i, merge in enumerate(merges)}
    for line, ids in zip(lines, bpe.encode(lines), strict=True):
        assert [bpe.tokens[i] for i in ids] == [*subword_nmt(line, rank), "<eos>"]
        assert bpe.decode(ids) == line


def test_learned_merges() -> None:
    """Counted by hand: "e s" and "s t</w>" 3 times each, by code point; "es t</w>" 3 times; "n e" twice."""
    lines = ["best newest", "nest", "new"]
    assert learn_merges(lines, 3 + 7 + 3) == [("e", "s"), ("es", "t</w>"), ("n", "e")]
    assert learn_merges(lines, 8) == []


def test_the_same_text_gives_the_same_merges(parallel_root: Path) -> None:
    train = read_corpus("multi30k", parallel_root).splits["train"]
    lines = train.target[:2000]
    first = learn_merges(lines, 1000)
    assert all(learn_merges(lines, 1000) == first for _ in range(3))
    bpe = Bpe.of(lines, first, 1000)
    assert len(bpe.tokens) == 1000
    assert Bpe(bpe.json).tokens == bpe.tokens
    assert [bpe.decode(ids) for ids in bpe.encode(lines)] == lines
    rank = {merge: i for i, merge in enumerate(first)}
    unseen = [line for line in train.target[2000:2500] if UNK not in bpe.encode([line])[0]]
    assert len(unseen) > 480
    assert [pieces(bpe, line) for line in unseen] == [subword_nmt(line, rank) for line in unseen]


def test_another_process_learns_the_same() -> None:
    """Every pair is there once: nothing but the code points decides, no order of a set or a hash table."""
    code = (
        "from lets.data.parallel import learn_merges\n"
        "letters = [chr(c) for c in range(0x61, 0x7b)]\n"
        "print(learn_merges([a + b for a in letters for b in letters], 200))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    letters = [chr(c) for c in range(0x61, 0x7B)]
    merges = learn_merges([a + b for a in letters for b in letters], 200)
    assert other.stdout == f"{merges}\n"
    assert merges[:2] == [("a", "a</w>"), ("a", "b</w>")]


def test_files_that_are_no_merges(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("e n\n")
    with pytest.raises(DataError, match="code – begins with 'e n', want subword-nmt's merges"):
        read_merges(tmp_path / "code")
    (tmp_path / "code").write_text("#version: 0.2\ne n\ne n x\n")
    with pytest.raises(DataError, match="line 3 – 'e n x' – want two symbols"):
        read_merges(tmp_path / "code")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(
        SpecError, match=r"tokenizers cannot be imported .*pip install 'lets-repro\[language\]'"
    ):
        Bpe.of(["a"], [], 10)
