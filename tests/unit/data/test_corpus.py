"""Reading parallel corpora: the real ones, and small ones with everything that can be wrong."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lets.data import sources
from lets.data.catalogue import DATASETS
from lets.data.corpora import CORPORA, corpus_info
from lets.data.corpus import read_corpus, split_words
from lets.errors import ChecksumError, DataError, SpecError

LINES = {
    "train": ("ein haus .", "zwei h&auml; .", "drei ."),
    "valid": ("ja", "nein"),
    "test": ("gut", "schlecht"),
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """IWSLT'14 of seven pairs, and whole with them."""
    info = replace(DATASETS["iwslt14"], train_size=3, test_size=2)
    monkeypatch.setitem(DATASETS, "iwslt14", info)
    monkeypatch.setitem(CORPORA, "iwslt14", replace(CORPORA["iwslt14"], valid_size=2))
    monkeypatch.setitem(sources.sources(), "iwslt14", replace(sources.source("iwslt14"), files=()))
    folder = tmp_path / "iwslt14.tokenized.de-en"
    folder.mkdir()
    for split, lines in LINES.items():
        for language in ("de", "en"):
            (folder / f"{split}.{language}").write_text("".join(f"{line} {language}\n" for line in lines))
    return tmp_path


def test_a_small_one(root: Path) -> None:
    corpus = read_corpus("iwslt14", root)
    assert (corpus.missing, corpus.code) == ((), None)
    assert corpus.splits["train"].source == ["ein haus . de", "zwei h&auml; . de", "drei . de"]
    assert corpus.splits["test"].target == ["gut en", "schlecht en"]
    (root / "iwslt14.tokenized.de-en" / "code").write_text("")
    assert read_corpus("iwslt14", root).code == root / "iwslt14.tokenized.de-en" / "code"


def test_bpe_is_undone_and_gzip_read(root: Path) -> None:
    path = root / "iwslt14.tokenized.de-en" / "valid.de"
    path.write_bytes(b"j@@ a de\r\nne@@ i@@ n de")
    assert read_corpus("iwslt14", root).splits["valid"].source == ["ja de", "nein de"]
    path.with_name("valid.de.gz").write_bytes(gzip.compress("ja\u2028 de\nnein de\n".encode()))
    path.unlink()
    assert read_corpus("iwslt14", root).splits["valid"].source == ["ja\u2028 de", "nein de"]


def missing_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def cut(name: str, lines: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for language in ("de", "en"):
            path = folder / f"{name}.{language}"
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (missing_folder, DataError, r"tokenized\.de-en – missing, so iwslt14 .* ln -s FOLDER .* LETS_DATA"),
        (
            lambda f: (f / "test.en").unlink(),
            DataError,
            r"test\.en – missing – iwslt14 is three pairs of files",
        ),
        (cut("train", 2), DataError, r"2 of 3 pairs of train – .*--partial"),
        (cut("valid", 0), DataError, r"valid\.de – empty"),
        (
            lambda f: (f / "train.de").write_text("ein\n"),
            DataError,
            r"train\.de – 1 lines, train\.en has 3 – a line of one is the translation",
        ),
        (
            lambda f: [(f / f"test.{x}").write_text("a\nb\nc\n") for x in ("de", "en")],
            DataError,
            r"test\.de – 3 lines, IWSLT'14 DE-EN has 2",
        ),
        (lambda f: (f / "test.en").write_bytes(b"a\xff\nb\n"), ChecksumError, r"test\.en – damaged, no text"),
    ],
)
def test_what_can_be_wrong(
    root: Path, change: Callable[[Path], object], error: type[DataError], message: str
) -> None:
    change(root / "iwslt14.tokenized.de-en")
    with pytest.raises(error, match=message):
        read_corpus("iwslt14", root)


def test_a_part_is_read_if_asked_for(root: Path) -> None:
    cut("train", 2)(root / "iwslt14.tokenized.de-en")
    corpus = read_corpus("iwslt14", root, partial=True)
    assert (corpus.missing, len(corpus.splits["train"])) == (("2 of 3 pairs of train",), 2)


def test_damaged_gzip(root: Path) -> None:
    path = root / "iwslt14.tokenized.de-en" / "test.de"
    path.with_name("test.de.gz").write_bytes(gzip.compress(path.read_bytes())[:-4])
    path.unlink()
    with pytest.raises(ChecksumError, match=r"test\.de – damaged"):
        read_corpus("iwslt14", root)


def test_the_real_ones(parallel_root: Path) -> None:
    multi30k = read_corpus("multi30k", parallel_root)
    assert multi30k.missing == ()
    assert {split: len(lines) for split, lines in multi30k.splits.items()} == {
        "train": 29_000,
        "valid": 1_014,
        "test": 1_000,
    }
    assert multi30k.splits["train"].target[0] == "two young , white males are outside near many bushes ."
    iwslt14 = read_corpus("iwslt14", parallel_root, partial=True)
    assert iwslt14.missing == ("6890 of 160239 pairs of train",)  # valid and test have the usual digests
    with pytest.raises(DataError, match="6890 of 160239 pairs of train"):
        read_corpus("iwslt14", parallel_root)


def test_another_word_is_noticed(parallel_root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "multi30k"
    folder.mkdir()
    for path in (parallel_root / "multi30k").iterdir():
        text = gzip.decompress(path.read_bytes()).decode()
        changed = text.replace("Man", "Men", 1) if path.name == "val.en.gz" else text
        (folder / path.stem).write_text(changed)  # not zipped, as good
    with pytest.raises(ChecksumError, match=r"usual ones: val\.en has md5 \w+ \(63297 bytes\), usual is"):
        read_corpus("multi30k", tmp_path)
    (problem,) = read_corpus("multi30k", tmp_path, partial=True).missing
    assert problem.startswith("val.en has md5 ")


def test_words() -> None:
    assert split_words("Two T-shirts (don't ask), 3.5 m high!\t„Ach“ …") == (
        "two t-shirts ( don't ask ) , 3.5 m high ! „ ach “ …"
    )
    assert split_words("Ein Mädchen, das STRASSE überquert.") == "ein mädchen , das strasse überquert ."
    assert split_words("") == ""


def test_no_corpus() -> None:
    with pytest.raises(SpecError, match="dataset 'digits' – Digits is no translation – choose from: iwslt14"):
        corpus_info("digits")
