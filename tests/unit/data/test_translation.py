"""A parallel corpus as token ids, in memory and on disk."""

from pathlib import Path

import pytest
import torch

from lets.cli.data import prepare
from lets.config.paths import Layout
from lets.data.corpus import Corpus, Lines, read_corpus
from lets.data.dataset import arrays_sha256
from lets.data.parallel import EOS, LONGEST, LONGEST_TRAINED, UNK, Translation, encode
from lets.errors import ChecksumError, DataError


def corpus(code: Path, long: int = 2, long_test: int = 2) -> Corpus:
    """Without merges every character is a token."""
    code.write_text("#version: 0.2\n")
    train = Lines(["ab ba", "a" * long, "b a"], ["xy", "x", "y" * (long - 1)])
    return Corpus(
        "iwslt14",
        {"train": train, "valid": Lines(["a"], ["京"]), "test": Lines(["b" * long_test], ["x y"])},
        (),
        code,
    )


def test_ids(tmp_path: Path) -> None:
    found = encode(corpus(tmp_path / "code"))
    train, tokens = found.splits["train"].source, found.bpe.tokens
    assert train.lengths.tolist() == [5, 3, 3]
    assert [tokens[i] for i in train.ids.tolist()] == [
        *("a", "b</w>", "b", "a</w>", "<eos>"),
        *("a", "a</w>", "<eos>"),
        *("b</w>", "a</w>", "<eos>"),
    ]
    assert (train.ids.dtype, train.ends.tolist()) == (torch.int32, [5, 8, 11])
    assert found.arrays["train.source.ends"].tolist() == [5, 8, 11]
    assert found.splits["valid"].target.ids.tolist() == [UNK, EOS]
    assert found.references == {"valid": ("京",), "test": ("x y",)}
    assert (found.dropped, found.vocabulary) == (0, 10_240)


def test_long_training_pairs_are_left_out_and_counted(tmp_path: Path) -> None:
    assert encode(corpus(tmp_path / "code", LONGEST_TRAINED)).dropped == 0
    found = encode(corpus(tmp_path / "code", LONGEST_TRAINED + 1))
    assert (found.dropped, len(found.splits["train"])) == (1, 2)
    found = encode(corpus(tmp_path / "code", LONGEST_TRAINED + 2))  # a long target counts as well
    assert (found.dropped, found.splits["train"].source.lengths.tolist()) == (2, [5])


def test_long_test_sentences_are_refused(tmp_path: Path) -> None:
    assert len(encode(corpus(tmp_path / "code", long_test=LONGEST)).splits["test"]) == 1
    with pytest.raises(DataError, match="iwslt14, test, line 1 – 1025 tokens, a sentence has at most 1024"):
        encode(corpus(tmp_path / "code", long_test=LONGEST + 1))


def test_round_trip(tmp_path: Path) -> None:
    found, path = encode(corpus(tmp_path / "code", 177)), tmp_path / "iwslt14" / "arrays.safetensors"
    found.write(path)
    copy = Translation.read(path)
    assert arrays_sha256(copy.arrays) == arrays_sha256(found.arrays)
    assert (copy.references, copy.bpe.json, copy.dropped) == (found.references, found.bpe.json, 2)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ChecksumError, match="delete it and run  lets data prepare iwslt14"):
        Translation.read(path)


def test_real_ones_from_the_command_line(
    parallel_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare("iwslt14", root=parallel_root, partial=True)
    assert capsys.readouterr().err.splitlines() == [
        "note: not all of iwslt14: 6890 of 160239 pairs of train",
        "note: 3 training pairs left out, longer than 175 tokens",
    ]
    found = Translation.read(Layout("").prepared("iwslt14"))
    assert (found.missing, found.dropped) == (("6890 of 160239 pairs of train",), 3)
    assert [len(found.splits[split]) for split in ("train", "valid", "test")] == [6_887, 7_283, 6_750]
    assert found.references["test"] == tuple(
        read_corpus("iwslt14", parallel_root, partial=True).splits["test"].target
    )
