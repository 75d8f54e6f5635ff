"""Damaged files of every reader: one sentence that names the file, or the right data; never anything else."""

import gzip
import io
import pickle
import random
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lets.data
from lets.data import catalogue, cifar, glue, sources
from lets.data import download as downloads
from lets.data.catalogue import DATASETS, HUMAN_LABELS, DatasetInfo
from lets.data.cifar import read_human_labels
from lets.data.corpus import CORPORA, CorpusInfo, read_corpus
from lets.data.dataset import Dataset, Split, read_processed, read_subset, write_processed, write_subset
from lets.data.folder import Picture, PictureIndex, read_index, scan, write_index
from lets.data.noisy_labels import make_noisy_labels, read_noisy_labels, write_noisy_labels
from lets.data.parallel import read_merges
from lets.data.sources import Archive, File, Source
from lets.data.texts import TextDataset, Texts
from lets.errors import DataError, LetsError, SpecError

LABELS = torch.arange(10_000) % 10
SENTENCES = (("a house", "a green house"), ("two", "three"), ("no", "never"))


@dataclass(frozen=True)
class Reader:
    """A valid file, and what reading it gives as something comparable."""

    path: Path
    read: Callable[[], Any]


def arrays(path: Path) -> Reader:
    split = Split(torch.arange(96, dtype=torch.uint8).view(6, 1, 4, 4), torch.arange(6))
    write_processed(
        Dataset("digits", "Digits", split, Split(split.images + 1, split.labels + 1), ("a", "b")), path
    )
    return Reader(path, lambda: [one.tolist() for one in read_processed(path).arrays.values()])


def texts(path: Path) -> Reader:
    split = Texts(SENTENCES, torch.tensor([0, 1, 1]))
    TextDataset(
        "rte", "RTE", {"train": split, "test": Texts(SENTENCES, torch.tensor([1, 0, 0]))}, ("yes", "no"), "{}"
    ).write(path)

    def read() -> Any:
        found = TextDataset.read(path)
        return [(one.rows, one.labels.tolist()) for one in found.splits.values()]

    return Reader(path, read)


def index(path: Path) -> Reader:
    pictures = [Picture(f"{split}/n1/{i}.jpeg", 99 + i, 0) for split in ("train", "val") for i in range(9)]
    write_index(PictureIndex("imagenette", "imagenette2", ("n1",), pictures[:9], pictures[9:]), path)
    return Reader(path, lambda: [*read_index(path).train, *read_index(path).test])


def noisy(path: Path, damage_card: bool = False) -> Reader:
    labels, card = make_noisy_labels(
        LABELS, dataset="digits", noise="symmetric-40", rate=0.4, exclude_true=False, classes=10, seed=0
    )
    write_noisy_labels(labels, card, path, path.with_suffix(".json"))
    file = path.with_suffix(".json") if damage_card else path
    return Reader(file, lambda: read_noisy_labels(path, path.with_suffix(".json"))[0].tolist())


def subset(path: Path) -> Reader:
    folder = path.parent / "digits" / "train-5"
    write_subset(torch.arange(5), "digits", 0, folder / "subset.safetensors")
    return Reader(folder / "subset.safetensors", lambda: read_subset(folder / "subset.safetensors").tolist())


def human(path: Path) -> Reader:
    path = path.with_suffix(".pt")
    wrong = LABELS.clone()
    wrong[: round(len(wrong) * HUMAN_LABELS["human-worse"].rate)] += 1
    torch.save({"clean_label": LABELS.numpy(), "worse_label": (wrong % 10).numpy()}, path)
    return Reader(path, lambda: read_human_labels(path, "cifar10", "human-worse", LABELS).tolist())


def merges(path: Path) -> Reader:
    path.write_text("#version: 0.2\na b\nab c</w>\n")
    # Nothing says which merges are the right ones: they are what the file holds.
    return Reader(path, lambda: [len(pair) for pair in read_merges(path)][:0])


def pickled(path: Path) -> Reader:
    """CIFAR's Python version: what is verified are the bytes."""
    import hashlib

    folder = path.parent / "cifar"
    folder.mkdir()
    batch = {"data": np.arange(6144, dtype=np.uint8).reshape(2, 3072) * 1, "labels": [0, 1]}
    contents = {"train": batch, "test": batch, "classes": {"label_names": ["a", "b"]}}
    files = []
    for name, content in contents.items():
        packed = pickle.dumps(content, protocol=4)
        (folder / name).write_bytes(packed)
        files.append(File(name, name, len(packed), hashlib.md5(packed).hexdigest()))
    source = Source("cifar10", "", "", "", "", folder="cifar", files=tuple(files))
    read = lambda: [one.tolist() for one in cifar.read(source, path.parent, False).arrays.values()]  # noqa: E731
    return Reader(folder / "train", read)


READERS = {
    "arrays": arrays,
    "texts": texts,
    "index": index,
    "noisy labels": noisy,
    "their card": lambda path: noisy(path, damage_card=True),
    "subset": subset,
    "people's labels": human,
    "merges": merges,
    "CIFAR": pickled,
}
STRANGE = {
    "empty": b"",
    "HTML": b"<!DOCTYPE html>\n<html><body>404</body></html>\n" * 9,
    "zeros": bytes(4096),
    "text": "Grüße\n".encode("latin-1") * 99,
    "JSON": b"[1, 2]",
    "null": b"null",
    "an empty zip": b"PK\x05\x06" + bytes(18),
    "a gzip of nothing": gzip.compress(b"", mtime=0),
    "a pickle": pickle.dumps([1]),
    "code": b"cos\nsystem\n(S'false'\ntR.",
}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    return READERS[request.param](tmp_path / "file.safetensors")


def damages(content: bytes) -> Iterator[bytes]:
    """The strange files, then cuts and flipped bits all over the file, and at its head, where formats are."""
    draw = random.Random(0)
    yield from STRANGE.values()
    for cut in [*range(1, 9), *(draw.randrange(len(content)) for _ in range(30))]:
        yield content[:cut]
    for at in [*range(min(24, len(content))), *(draw.randrange(len(content)) for _ in range(150))]:
        flipped = bytearray(content)
        flipped[at] ^= 1 << draw.randrange(8)
        yield bytes(flipped)
    yield content + b"x"


def outcome(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except LetsError as error:
        return error


@pytest.mark.filterwarnings("ignore")
def test_damage_is_a_sentence_or_the_right_data(reader: Reader) -> None:
    content, right = reader.path.read_bytes(), reader.read()
    for damaged in damages(content):
        reader.path.write_bytes(damaged)
        found = outcome(reader.read)
        if not isinstance(found, LetsError):
            assert found == right
            continue
        assert str(reader.path.parent) in str(found)
        assert str(found).count(" – ") >= 2
        assert "\n" not in str(found)


def test_a_missing_file_is_a_sentence(reader: Reader) -> None:
    reader.path.unlink()
    with pytest.raises(LetsError, match=str(reader.path)):
        reader.read()


ROWS = "sentence1\tsentence2\tlabel\n" + "a house\ta home\tentailment\n" * 3


@pytest.fixture
def rte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Read RTE of three rows whose training file holds these bytes."""
    import dataclasses

    monkeypatch.setitem(DATASETS, "rte", dataclasses.replace(DATASETS["rte"], train_size=3, test_size=3))
    monkeypatch.setattr(glue, "train_tokenizer", lambda rows: "{}")
    folder = tmp_path / "glue" / "RTE"
    folder.mkdir(parents=True)
    (folder / "dev.tsv").write_text(ROWS)

    def read(content: bytes, suffix: str = "") -> None:
        for old in folder.glob("train.tsv*"):
            old.unlink()
        (folder / f"train.tsv{suffix}").write_bytes(content)
        glue.read(Source("rte", "", "", "", "", folder="glue/RTE"), tmp_path, False)

    return read


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"a\tb\n", ROWS.replace("entailment", "maybe").encode(), ROWS[:-30].encode(),
     ROWS.replace("house", "h\udcffuse").encode(errors="surrogateescape"), ROWS.replace("\t", " ").encode(),
     (ROWS + "one more\trow\tentailment\n").encode(), ROWS.replace("\ta home", "").encode(), *STRANGE.values()],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_broken_rows_of_glue_are_a_sentence(rte: Any, content: bytes, suffix: str) -> None:
    rte(ROWS.encode())
    with pytest.raises(DataError, match=r"RTE.* – "):
        rte(content, suffix)


def test_broken_rows_of_the_original_mrpc_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "glue" / "MRPC"
    folder.mkdir(parents=True)
    (folder / "msr_paraphrase_train.txt").write_text(
        "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t2\t3\n1\t2\t3\ta\tb\n"
    )
    (folder / "dev_ids.tsv").write_text("2\n2\t3\n")
    with pytest.raises(DataError, match="MRPC, train – 0 whole rows, should be 3668"):
        glue.read(Source("mrpc", "", "", "", "", folder="glue/MRPC"), tmp_path, False)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    info = CorpusInfo(("small",), {one: one for one in ("train", "valid", "test")}, valid_size=2, raw=False)
    monkeypatch.setitem(CORPORA, "multi30k", info)
    (tmp_path / "small").mkdir()
    for split in ("train", "valid", "test"):
        for language in ("de", "en"):
            (tmp_path / "small" / f"{split}.{language}").write_text("eins\nzwei\n")
    return tmp_path


@pytest.mark.parametrize(
    "content", [b"eins\n", b"eins\nzwei\ndrei\n", b"", b"\xff\xfe\n\n", STRANGE["HTML"], None]
)
@pytest.mark.parametrize("name", ["train.de", "valid.en", "test.de"])
def test_a_damaged_corpus_is_a_sentence(corpus: Path, name: str, content: bytes | None) -> None:
    path = corpus / "small" / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DataError, match=r"small.* – "):
        read_corpus("multi30k", corpus)
    path.unlink(missing_ok=True)
    path.with_name(f"{name}.gz").write_bytes(b"no gzip" if content is None else gzip.compress(content)[:-5])
    with pytest.raises(DataError, match=rf"{name}\.gz – damaged"):
        read_corpus("multi30k", corpus)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for split in ("train", "val"):
        for name in ("n1", "n2"):
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / "1.jpeg").write_bytes(b"x")
    return tmp_path


def broken_link(folder: Path) -> None:
    (folder / "2.jpeg").symlink_to("gone")


def loop(folder: Path) -> None:
    (folder / "2.jpeg").symlink_to("2.jpeg")


def directory(folder: Path) -> None:
    (folder / "2.jpeg").mkdir()


def zero_bytes(folder: Path) -> None:
    (folder / "2.jpeg").touch()


def no_text(folder: Path) -> None:
    (folder / "2\udcff.jpeg").write_bytes(b"x")


def two_lines(folder: Path) -> None:
    (folder / "2\n.jpeg").write_bytes(b"x")


def nothing(folder: Path) -> None:
    (folder / "1.jpeg").unlink()


def other_files(folder: Path) -> None:
    (folder / "1.jpeg").rename(folder / "1.txt")


def gone(folder: Path) -> None:
    (folder / "1.jpeg").unlink()
    folder.rmdir()


def class_without_text(folder: Path) -> None:
    for split in ("train", "val"):
        (folder.parents[1] / split / folder.name).rename(folder.parents[1] / split / "n1\udcff")


def class_of_two_lines(folder: Path) -> None:
    for split in ("train", "val"):
        (folder.parents[1] / split / folder.name).rename(folder.parents[1] / split / "n1\nand more")


@pytest.mark.parametrize(
    "damage",
    [
        class_without_text,
        class_of_two_lines,
        broken_link,
        loop,
        directory,
        zero_bytes,
        no_text,
        two_lines,
        nothing,
        other_files,
        gone,
    ],
)
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_damaged_folder_of_pictures_is_a_sentence(pictures: Path, split: str, damage: Any) -> None:
    assert len(scan("imagenet", pictures).train) == 2
    damage(pictures / split / "n1")
    with pytest.raises(DataError, match=r"n1.* – ") as caught:
        scan("imagenet", pictures)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_read_is_a_sentence(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DataError, match=r"train – cannot be read \(Permission denied\)"):
        scan("imagenet", pictures)


def test_a_new_data_set_without_sources_or_reader_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.DATASETS, "mine", DatasetInfo("mine", "Mine", 10, 100, 10))
    with pytest.raises(
        SpecError, match=r"'mine' – is in the catalogue, but datasets.yaml .* add an entry  mine:"
    ):
        sources.source("mine")
    with pytest.raises(SpecError, match=r"'mine' – its row of the catalogue names neither a reader"):
        lets.data.load("mine")


@pytest.mark.parametrize(
    "text", ["", "[3]", "digits", "digits: [", "digits:", "digits: 3", "digits: {role: x}", "digits: {x: 1}",
             "digits: {archive: 3}", "digits: {archive: {url: x}}", "digits: {files: 3}", "digits: {files: [3]}",
             "\ud800"],
)  # fmt: skip
def test_a_damaged_list_of_sources_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "datasets.yaml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(SpecError, match=r"datasets.yaml.* – ") as caught:
        sources.sources(path)
    assert "\n" not in str(caught.value)


def tarred(*members: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return stream.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


ARCHIVES = {
    "cut": tarred(member("folder/a"))[:40],
    "above": tarred(member("../a"), member("folder/a")),
    "a link outside": tarred(member("folder", tarfile.SYMTYPE, "/etc")),
    "a hard link outside": tarred(member("folder/a", tarfile.LNKTYPE, "../../etc/passwd")),
    "a device": tarred(member("folder/a", tarfile.CHRTYPE)),
    "another folder": tarred(member("other/a")),
    "a file of its name": tarred(member("folder")),
    **STRANGE,
}


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("whole", [True, False])
def test_a_hostile_archive_is_a_sentence(
    tmp_path: Path, kind: str, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "x.tgz").write_bytes(ARCHIVES[kind])
    monkeypatch.setattr(downloads, "download", lambda archive, target: None)
    known = Archive("https://example.org/x.tgz", "x.tgz", 1)
    files = (File("a", "train", 3, ""),)
    source = Source("cifar10", "", "", "", "", known, folder="folder", files=files)
    unpack = downloads.fetch_and_unpack_folder if whole else downloads.fetch_and_unpack
    if kind == "above" and not whole:  # of the listed members there is nothing wrong
        return unpack(source, root)
    with pytest.raises(LetsError, match=r"x.tgz.* – ") as caught:
        unpack(source, root)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["root", "x.tgz"]


@pytest.mark.parametrize("content", [*STRANGE.values(), b"PK\x03\x04" + bytes(40)])
def test_a_damaged_zip_of_glue_is_a_sentence(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "RTE.zip").write_bytes(content)
    monkeypatch.setattr(glue, "fetch", lambda archive, target: None)
    source = Source("rte", "", "", "", "", Archive("https://example.org", "RTE.zip", 1), folder="glue/RTE")
    with pytest.raises(DataError, match=r"RTE\.zip – "):
        glue.read(source, tmp_path, True)
