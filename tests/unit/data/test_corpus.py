"""Reading parallel corpora: the real ones, and small ones with everything that can be wrong."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from lets.cli.data import prepare
from lets.config.paths import Layout
from lets.data import download, sources
from lets.data.catalogue import DATASETS
from lets.data.corpus import CORPORA, corpus_info, fetch_missing, read_corpus, split_words
from lets.data.parallel import UNK, Translation, read
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
        (missing_folder, DataError, r"made by fairseq's .* ln -s MADE \S+tokenized\.de-en  or set LETS_DATA"),
        (
            lambda f: (f / "test.en").unlink(),
            DataError,
            r"test\.en – missing, .* nobody offers it for download: .* ln -s MADE \S+/test\.en ",
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
    with pytest.raises(ChecksumError, match=r"test\.de\.gz – damaged"):
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
    with pytest.raises(
        SpecError, match="dataset 'digits' – Digits is no folder of sentence pairs – choose from: iwslt14"
    ):
        corpus_info("digits")


# What can be downloaded, from a server of this machine.

FILES = [
    f"{stem}.{language}.gz" for stem in ("train", "val", "test_2016_flickr") for language in ("de", "en")
]


@pytest.fixture
def asked(parallel_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Multi30k's files are served by this machine; which ones it was asked for."""
    names: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(parallel_root / "multi30k"))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            names.append(self.path.removeprefix("/"))

    http = HTTPServer(("127.0.0.1", 0), Handler)
    entry = sources.source("multi30k")
    here = [
        replace(one, url=f"http://127.0.0.1:{http.server_port}/{one.url.rpartition('/')[2]}")
        for one in entry.downloads
    ]
    monkeypatch.setitem(sources.sources(), "multi30k", replace(entry, downloads=tuple(here)))
    monkeypatch.setattr(download, "PAUSES_S", ())
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield names
    http.shutdown()
    thread.join()
    http.server_close()


def test_multi30k_is_downloaded_by_the_verb(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DataError, match=r"raw/multi30k – missing, .* run  lets data prepare multi30k --download"
    ):
        prepare("multi30k")
    assert list(tmp_path.iterdir()) == []
    prepare("multi30k", download=True)
    assert asked == FILES
    assert sorted(path.name for path in Path("data/raw/multi30k").iterdir()) == sorted(FILES)
    found = Translation.read(Layout("").prepared("multi30k"))
    assert (len(found.bpe.tokens), found.vocabulary, found.dropped) == (4_096, 4_096, 0)
    ids, lines = found.splits["test"].target, found.references["test"]
    decoded = {i: one.tolist() for i, one in enumerate(ids.ids.split(ids.lengths.tolist())) if UNK not in one}
    assert (len(lines), len(decoded) > 980) == (1_000, True)
    assert {i: found.bpe.decode(one) for i, one in decoded.items()} == {i: lines[i] for i in decoded}


def test_only_what_is_missing_is_fetched_and_nothing_is_overwritten(
    asked: list[str], parallel_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "multi30k"
    folder.mkdir()
    plain = gzip.decompress((parallel_root / "multi30k" / "train.de.gz").read_bytes())
    (folder / "train.de").write_bytes(plain)
    (folder / "val.en.gz").write_bytes(b"mine")
    fetch_missing(sources.source("multi30k"), tmp_path)
    assert asked == [name for name in FILES if name not in ("train.de.gz", "val.en.gz")]
    assert (folder / "train.de").read_bytes() == plain
    assert (folder / "val.en.gz").read_bytes() == b"mine"
    for name in asked:
        assert (folder / name).read_bytes() == (parallel_root / "multi30k" / name).read_bytes()
    asked.clear()
    with pytest.raises(
        ChecksumError, match=r"val\.en\.gz – damaged, .* lets data prepare multi30k --download"
    ):
        read(sources.source("multi30k"), tmp_path, download=True)
    assert asked == []


def test_the_digests_are_also_torchtexts() -> None:
    """MD5 of its torchtext/experimental/datasets/raw/multi30k.py, in the order of our files."""
    downloads = sources.source("multi30k").downloads
    assert [one.url.rpartition("/")[2] for one in downloads] == FILES
    assert [one.md5 for one in downloads] == [
        "81ff90b99829c0cd4b1b587d394afd39",
        "0065d13af80720a55ca8153d126e6627",
        "6e0e229eb049e3fc99a1ef02fb2d5f91",
        "2b69aa9253948ac9f67e94917272dd40",
        "efd67d314d98489b716b145475101932",
        "ff2c0fcb4893a13bd73414306bc250ae",
    ]


def test_the_digests_are_those_of_the_real_files(parallel_root: Path) -> None:
    for one in sources.source("multi30k").downloads:
        content = (parallel_root / one.file).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one.bytes, one.sha256)


def test_what_nobody_offers_is_not_downloaded_and_whole_it_need_not_be(root: Path) -> None:
    assert read(sources.source("iwslt14"), root, download=True).missing == ()
    (root / "iwslt14.tokenized.de-en" / "valid.de").unlink()
    with pytest.raises(DataError, match=r"valid\.de – missing, so iwslt14 .*nobody offers it for download"):
        read(sources.source("iwslt14"), root, download=True)
