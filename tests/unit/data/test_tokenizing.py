"""Tokenizers against worked examples, and against the one that transformers builds."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from lets.data import texts as module
from lets.data.texts import (
    LONGEST,
    SPECIAL,
    VOCABULARY,
    encode,
    pretrained_tokenizer,
    train_tokenizer,
    truncated,
)
from lets.data.tokens import Tokens
from lets.errors import ChecksumError, SpecError

TEXT = [("the cat sat on the mat", "the dog did not"), ("the cat", "héllo ☃ [SEP]")]
TRAIN = f"from lets.data.texts import train_tokenizer; print(train_tokenizer({TEXT!r} * 50), end='')"


def texts(tokens: Tokens) -> list[list[int]]:
    return [ids.tolist() for ids in tokens.ids.split(tokens.lengths.tolist())]


def test_a_trained_vocabulary_has_all_bytes_and_the_special_tokens_first() -> None:
    vocabulary = Tokenizer.from_str(train_tokenizer(TEXT)).get_vocab()
    assert [vocabulary[token] for token in SPECIAL] == [0, 1, 2, 3]
    assert len(vocabulary) > len(SPECIAL) + 256
    assert {token for token in vocabulary if len(token) == 1} >= set("aZ0Ġ")


@pytest.mark.parametrize("sentence", ["the cat", " two  spaces ", "☃ é \x00 \u2028", "", "[CLS"])
def test_what_is_encoded_can_be_read_again(sentence: str) -> None:
    tokenizer = train_tokenizer(TEXT)
    (ids,) = texts(encode([(sentence,)], tokenizer))
    assert (ids[0], ids[-1]) == (1, 2)
    assert 3 not in ids  # nothing is unknown
    assert Tokenizer.from_str(tokenizer).decode(ids) == sentence


def test_a_pair_is_framed() -> None:
    tokenizer = train_tokenizer(TEXT)
    (first,), (second,) = (texts(encode([(sentence,)], tokenizer)) for sentence in TEXT[0])
    (pair,) = texts(encode([TEXT[0]], tokenizer))
    assert pair == [1, *first[1:-1], 2, *second[1:-1], 2]
    assert Tokenizer.from_str(tokenizer).id_to_token(0) == "[PAD]"
    assert 0 not in pair


def test_the_same_text_gives_the_same_tokenizer_however_many_threads_there_are() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", TRAIN],
            env={"TOKENIZERS_PARALLELISM": parallel, "RAYON_NUM_THREADS": threads, "PYTHONPATH": src()},
            capture_output=True,
            check=True,
        ).stdout
        for parallel, threads in (("false", "1"), ("true", "2"), ("true", "5"))
    }
    assert outputs == {train_tokenizer(TEXT * 50).encode()}


def src() -> str:
    return str(Path(module.__file__).parents[2])


@pytest.mark.parametrize("name", ["cola", "rte"])
def test_a_real_vocabulary_is_full(name: str, glue_root: Path) -> None:
    import lets.data

    tokenizer = lets.data.load(name, root=glue_root).tokenizer
    assert Tokenizer.from_str(tokenizer).get_vocab_size() == VOCABULARY == lets.data.describe(name).vocabulary


def test_a_long_pair_loses_the_end_of_its_longer_sentence() -> None:
    tokenizer = train_tokenizer(TEXT)
    letters = "".join(
        chr(ord("A") + i % 26) for i in range(300)
    )  # a token each: no merge was learned of them
    rows = [("A" * 252, "B"), ("A" * 253, "B"), (letters, "BB"), ("BB", letters)]
    tokens = encode(rows, tokenizer)
    assert tokens.lengths.tolist() == [LONGEST] * 4
    assert truncated(rows, tokenizer) == 3
    last = texts(tokens)[2]
    (whole,) = texts(encode([(letters[:251],)], tokenizer))
    assert last[:252] == whole[:-1]
    assert last[252:] == [2, *2 * [last[253]], 2]


def test_one_long_sentence() -> None:
    tokenizer = train_tokenizer(TEXT)
    rows = [("A" * 254,), ("A" * 255,)]
    tokens = encode(rows, tokenizer)
    assert (tokens.lengths.tolist(), truncated(rows, tokenizer)) == ([256, 256], 1)
    assert texts(tokens)[1][-1] == 2


@pytest.fixture
def gpt2_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vocabulary in the files of microsoft/deberta-base, far smaller."""
    model = json.loads(train_tokenizer(TEXT))["model"]
    vocabulary = {**model["vocab"], "[MASK]": len(model["vocab"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    merges = "".join(" ".join(merge) + "\n" for merge in model["merges"])
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")
    monkeypatch.setattr(module, "PRETRAINED_VOCABULARY", len(vocabulary))
    return tmp_path


def test_the_pretrained_tokenizer_reads_as_transformers_does(gpt2_like: Path) -> None:
    from transformers import DebertaTokenizer

    reference = DebertaTokenizer(
        vocab=str(gpt2_like / "vocab.json"), merges=str(gpt2_like / "merges.txt"), pad_token="[PAD]"
    )
    sentences = [sentence for pair in TEXT for sentence in pair[:1]] + ["A  dog ☃", " did", "not\u2028"]
    ours = texts(encode([(sentence,) for sentence in sentences], pretrained_tokenizer(gpt2_like)))
    assert ours == reference(sentences)["input_ids"]


def test_a_pretrained_pair_has_one_separator_between(gpt2_like: Path) -> None:
    """As DeBERTa was pretrained; transformers 5 writes two, as RoBERTa was."""
    (pair,) = texts(encode([TEXT[0]], pretrained_tokenizer(gpt2_like)))
    assert pair.count(2) == 2
    assert (pair[0], pair[-1]) == (1, 2)


def test_another_vocabulary_is_refused(gpt2_like: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PRETRAINED_VOCABULARY", 50_265)
    with pytest.raises(ChecksumError, match=r"vocab.json – \d+ tokens, should be 50265"):
        pretrained_tokenizer(gpt2_like)


def test_roberta_numbers_its_special_tokens_otherwise(gpt2_like: Path) -> None:
    vocabulary = json.loads((gpt2_like / "vocab.json").read_text())
    vocabulary["[PAD]"], vocabulary["[CLS]"] = 1, 0
    (gpt2_like / "vocab.json").write_text(json.dumps(vocabulary))
    with pytest.raises(ChecksumError, match=r"begin with \[PAD\] \[CLS\] \[SEP\] \[UNK\]"):
        pretrained_tokenizer(gpt2_like)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(SpecError, match=r"pip install 'lets-repro\[language\]'"):
        train_tokenizer(TEXT)


def test_it_is_the_tokenizer_that_was_measured_with(glue_root: Path) -> None:
    """Another release of `tokenizers` may train another one: old artifacts keep theirs, new ones differ."""
    import lets.data

    json_ = lets.data.load("rte", root=glue_root).tokenizer
    assert hashlib.sha256(json_.encode()).hexdigest().startswith("9d7b1abbd3a4")
