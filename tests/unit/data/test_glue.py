"""GLUE from folders as they are met: real rows where the development machines have them, made-up ones elsewhere."""

import gzip
import hashlib
import json
import lzma
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

import lets.data
from lets.data import glue
from lets.data.catalogue import DATASETS
from lets.data.sources import Archive, Source, source
from lets.data.texts import TextDataset
from lets.errors import ChecksumError, DataError

HEADERS = {
    "cola": None,
    "sst2": "sentence\tlabel",
    "mrpc": "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
    "stsb": "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
    "qqp": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
    "mnli": "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse"
    "\tsentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label",
    "qnli": "index\tquestion\tsentence\tlabel",
    "rte": "index\tsentence1\tsentence2\tlabel",
}
"""first lines of the files of GLUE's archives"""

ROWS = {
    "cola": ["gj04\t1\t\tIt is.", "gj04\t0\t*\tIs it\u2028 are."],
    "sst2": ["fun \t1", "dull \t0"],
    "mrpc": ['1\t7\t8\t" A " said\tB said .', "0\t9\t8\tC\tD"],
    "stsb": ["0\tg\tf\t2012\t1\tn\tn\tA b.\tA c.\t4.200", "1\tg\tf\t2012\t1\tn\tn\tA.\tB.\t0"],
    "qqp": ["1\t2\t3\tWhy?\tHow?\t0", "4\t5\t6\tWho?\tWho?\t1"],
    "mnli": [
        "0\t1\t2\tg\t-\t-\t-\t-\tA.\tB.\tneutral\tcontradiction",
        "1\t1\t2\tg\t-\t-\t-\t-\tC.\tD.\t-\tneutral",
    ],
    "qnli": ["0\tWho?\tHe.\tentailment", "1\tWhy?\tNo.\tnot_entailment"],
    "rte": ["0\tA.\tB.\tnot_entailment", "1\tA.\tA.\tentailment"],
}
EXPECTED = {
    "cola": ((("It is.",), ("Is it\u2028 are.",)), [1, 0]),
    "sst2": ((("fun ",), ("dull ",)), [1, 0]),
    "mrpc": ((('" A " said', "B said ."), ("C", "D")), [1, 0]),
    "stsb": ((("A b.", "A c."), ("A.", "B.")), [4.2, 0]),
    "qqp": ((("Why?", "How?"), ("Who?", "Who?")), [0, 1]),
    "mnli": ((("A.", "B."), ("C.", "D.")), [2, 1]),
    "qnli": ((("Who?", "He."), ("Why?", "No.")), [0, 1]),
    "rte": ((("A.", "B."), ("A.", "A.")), [1, 0]),
}


def content(name: str, rows: Iterable[str], end: str = "\n") -> bytes:
    header = HEADERS[name]
    return end.join([*([header] if header else []), *rows, ""]).encode()


@pytest.fixture
def shrunk(monkeypatch: pytest.MonkeyPatch):
    """Say that a data set has these few rows, and nothing of what they are."""

    def shrink(name: str, train: int = 2, test: int = 2) -> Source:
        monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], train_size=train, test_size=test))
        monkeypatch.setattr(glue, "MISMATCHED_SIZE", test)
        return replace(source(name), arrays_sha256="", archive=None, downloads=())

    return shrink


def put(folder: Path, name: str, rows: Iterable[str] | None = None, end: str = "\n") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in glue.FILES[name].values():
        (folder / file).write_bytes(content(name, ROWS[name] if rows is None else rows, end))


@pytest.mark.parametrize("name", glue.TASKS)
def test_columns_and_labels_of_every_task(name: str, tmp_path: Path, shrunk) -> None:
    entry = shrunk(name)
    put(tmp_path / entry.folder, name)
    d = glue.read(entry, tmp_path, download=False)
    rows, labels = EXPECTED[name]
    for texts in d.splits.values():
        assert texts.rows == rows
        assert texts.labels.tolist() == pytest.approx(labels)
        assert texts.labels.dtype == (torch.float32 if name == "stsb" else torch.int64)
    assert d.classes == DATASETS[name].classes
    assert [*d.splits] == ["train", "test", *(["mismatched"] if name == "mnli" else [])]


def test_mnli_is_tested_on_the_matched_set_and_keeps_the_other(tmp_path: Path, shrunk) -> None:
    entry = shrunk("mnli")
    put(tmp_path / entry.folder, "mnli")
    for file in ("dev_matched", "dev_mismatched"):
        rows = [row.replace("A.", file) for row in ROWS["mnli"]]
        (tmp_path / entry.folder / f"{file}.tsv").write_bytes(content("mnli", rows))
    d = glue.read(entry, tmp_path, download=False)
    assert (d.test.rows[0][0], d.splits["mismatched"].rows[0][0]) == ("dev_matched", "dev_mismatched")


def test_class_names_are_in_the_order_of_the_labels(tmp_path: Path, shrunk) -> None:
    names = {}
    for name in glue.TASKS:
        entry = shrunk(name)
        put(tmp_path / entry.folder, name)
        names[name] = glue.read(entry, tmp_path, download=False).class_names
    assert names["mnli"] == ("entailment", "neutral", "contradiction")
    assert names["rte"] == names["qnli"] == ("entailment", "not entailment")
    assert names["cola"] == ("unacceptable", "acceptable")
    assert names["stsb"] == ()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_how_a_file_is_written_and_packed_does_not_matter(
    end: str, mark: bytes, suffix: str, tmp_path: Path, shrunk
) -> None:
    entry = shrunk("mrpc")
    folder = tmp_path / entry.folder
    folder.mkdir(parents=True)
    pack = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[suffix]
    for file in ("train.tsv", "dev.tsv"):
        (folder / f"{file}{suffix}").write_bytes(pack(mark + content("mrpc", ROWS["mrpc"], end)))
    assert glue.read(entry, tmp_path, download=False).train.rows == EXPECTED["mrpc"][0]


def test_a_quotation_mark_opens_nothing(tmp_path: Path, shrunk) -> None:
    """csv's default would join the first two rows into one."""
    entry = shrunk("sst2", 3, 3)
    put(tmp_path / entry.folder, "sst2", ['" it begins\t1', 'and ends "\t0', 'a "" b\t1'])
    d = glue.read(entry, tmp_path, download=False)
    assert [row[0] for row in d.train.rows] == ['" it begins', 'and ends "', 'a "" b']


def test_rows_that_are_not_whole_are_left_out_and_counted(tmp_path: Path, shrunk) -> None:
    entry = shrunk("qqp")
    put(tmp_path / entry.folder, "qqp", ["1\t2\t3\tcut", *ROWS["qqp"], ""])
    assert len(glue.read(entry, tmp_path, download=False).train) == 2
    put(tmp_path / entry.folder, "qqp", ["1\t2\t3\tcut", ROWS["qqp"][0]])
    with pytest.raises(ChecksumError, match=r"QQP, train – 1 whole rows, should be 2 – delete it and run"):
        glue.read(entry, tmp_path, download=False)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["0\tA.\tB.\tmaybe"] * 2, r"RTE, train – label 'maybe' – want entailment or not_entailment: is it"),
        (["0\tA.\tB.\tentailment"] * 3, r"RTE, train – 3 whole rows, should be 2"),
        ([], r"RTE, train – 0 whole rows, should be 2"),
    ],
)
def test_other_rows_are_refused(rows: list[str], message: str, tmp_path: Path, shrunk) -> None:
    entry = shrunk("rte")
    put(tmp_path / entry.folder, "rte", rows)
    with pytest.raises(ChecksumError, match=message):
        glue.read(entry, tmp_path, download=False)


def test_a_number_is_wanted_of_a_regression(tmp_path: Path, shrunk) -> None:
    entry = shrunk("stsb")
    put(tmp_path / entry.folder, "stsb", [row[: row.rindex("\t")] + "\tlow" for row in ROWS["stsb"]])
    with pytest.raises(ChecksumError, match=r"'low' – want a number"):
        glue.read(entry, tmp_path, download=False)


def test_the_test_file_without_labels_is_refused(tmp_path: Path, shrunk) -> None:
    entry = shrunk("sst2")
    put(tmp_path / entry.folder, "sst2")
    (tmp_path / entry.folder / "dev.tsv").write_text("index\tsentence\n0\tfun\n1\tdull\n")
    with pytest.raises(ChecksumError, match=r"dev.tsv – 'label' is not in list of its columns .*with labels"):
        glue.read(entry, tmp_path, download=False)


@pytest.mark.parametrize("damage", [b"\xff\xfe\xff", b"sentence\tlabel\n\xff\t1\n"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_damaged_files_are_named(damage: bytes, suffix: str, tmp_path: Path, shrunk) -> None:
    entry = shrunk("sst2")
    put(tmp_path / entry.folder, "sst2")
    (tmp_path / entry.folder / "train.tsv").unlink()
    (tmp_path / entry.folder / f"train.tsv{suffix}").write_bytes(damage)
    with pytest.raises(ChecksumError, match=rf"train.tsv{suffix} – damaged \(.*delete it"):
        glue.read(entry, tmp_path, download=False)


@pytest.mark.parametrize("name", glue.TASKS)
def test_a_missing_file_is_named_with_the_command(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"train.tsv – missing, .* run  lets data prepare {name} --download"):
        lets.data.load(name, root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def served(files: dict[str, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let `download` find these files, by the last part of their address; return what it is asked for."""
    asked = []

    def fetch(archive: Archive, target: Path) -> None:
        asked.append(archive.url)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[archive.url.rsplit("/", 1)[1]])

    monkeypatch.setattr(glue, "fetch", fetch)
    return asked


def test_the_archive_is_unpacked_and_not_fetched_again(
    tmp_path: Path, shrunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = replace(shrunk("qnli"), archive=source("qnli").archive)
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as members:
        for name in ("QNLI/train.tsv", "QNLI/dev.tsv", "../escaped", "QNLI/test.tsv"):
            members.writestr(name, content("qnli", ROWS["qnli"]))
    asked = served({"QNLIv2.zip": (tmp_path / "made.zip").read_bytes()}, tmp_path, monkeypatch)
    root = tmp_path / "root"
    assert glue.read(entry, root, download=True).train.rows == EXPECTED["qnli"][0]
    assert sorted(path.name for path in (root / "glue" / "QNLI").iterdir()) == ["dev.tsv", "train.tsv"]
    assert not (tmp_path / "escaped").exists()
    glue.read(entry, root, download=True)
    assert asked == ["https://dl.fbaipublicfiles.com/glue/data/QNLIv2.zip"]


def test_an_archive_without_the_file_is_refused(
    tmp_path: Path, shrunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = replace(shrunk("rte"), archive=source("rte").archive)
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as members:
        members.writestr("RTE/train.tsv", content("rte", ROWS["rte"]))
    served({"RTE.zip": (tmp_path / "made.zip").read_bytes()}, tmp_path, monkeypatch)
    with pytest.raises(DataError, match=r"no item named 'RTE/dev.tsv' .*datasets.yaml"):
        glue.read(entry, tmp_path, download=True)


def test_mrpc_as_microsoft_published_it(tmp_path: Path, shrunk, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(shrunk("mrpc", 2, 1), downloads=source("mrpc").downloads)
    rows = [*ROWS["mrpc"], "0\t8\t7\tE\tF"]
    files = {"msr_paraphrase_train.txt": content("mrpc", rows, "\r\n"), "mrpc_dev_ids.tsv": b"9\t8\n"}
    asked = served(files, tmp_path, monkeypatch)
    d = glue.read(entry, tmp_path, download=True)
    assert d.train.rows == (('" A " said', "B said ."), ("E", "F"))  # ids 8, 7 are not 7, 8
    assert d.test.rows == (("C", "D"),)
    assert d.train.labels.tolist() == [1, 0]
    assert len(asked) == 2


@pytest.mark.parametrize("name", glue.TASKS)
def test_sources_can_be_fetched_and_are_pinned(name: str) -> None:
    entry = source(name)
    archives = [entry.archive] if entry.archive else [*entry.downloads]
    assert archives
    for archive in archives:
        assert len(archive.sha256) == 64
        assert archive.file.startswith("glue/")
        assert archive.bytes > 1000


# Real rows from here on.

REAL = ["cola", "mrpc", "rte", "sst2", "stsb"]


@cache
def real(name: str, root: Path) -> TextDataset:
    found = lets.data.load(name, root=root)
    assert isinstance(found, TextDataset)
    return found


TEXT_BYTES = {  # num_bytes of dataset_infos.json of Hugging Face's datasets; Arrow keeps more than the text
    "cola": (489_149, 60_850),
    "mrpc": (946_146, 106_142),
    "rte": (848_888, 90_911),
    "sst2": (4_715_283, 106_692),
    "stsb": (758_394, 217_012),
}


@pytest.mark.parametrize("name", REAL)
def test_real_data_have_the_published_size(name: str, glue_root: Path) -> None:
    d = real(name, glue_root)
    for texts, published in zip((d.train, d.test), TEXT_BYTES[name], strict=True):
        text = sum(len(sentence.encode()) for row in texts.rows for sentence in row)
        # Of every row: an offset of 4 bytes for each sentence, a label of 8 (a score: 4), a number of 4; and one
        # bit for each of these columns, one more for the row, rounded up to bytes for each thousand rows.
        columns = len(texts.rows[0])
        arrow = len(texts) * (4 * columns + (4 if name == "stsb" else 8) + 4 + (columns + 3) / 8)
        assert 0 <= published - text - arrow <= 4 * columns + (columns + 2) * (len(texts) // 1000 + 1)


def test_real_quotation_marks(glue_root: Path) -> None:
    d = real("mrpc", glue_root)
    assert d.test.rows[0] == (
        "He said the foodservice pie business doesn 't fit the company 's long-term growth strategy .",
        '" The foodservice pie business does not fit our long-term growth strategy .',
    )
    assert sum(sentence.startswith('"') for row in d.train.rows for sentence in row) == 687
    assert (
        sum(row[0].count('"') % 2 for row in d.train.rows) > 100
    )  # csv's default reads on from each of them


def test_real_shares_of_the_classes(glue_root: Path) -> None:
    """The majority baselines that papers print: MRPC 68.4, SST-2 50.9, RTE 52.7 %."""
    for name, majority in {"mrpc": 68.4, "sst2": 50.9, "rte": 52.7}.items():
        labels = real(name, glue_root).test.labels
        assert 100 * float(labels.bincount().max()) / len(labels) == pytest.approx(majority, abs=0.05)


def test_mrpc_put_together_again(glue_root: Path, tmp_path: Path) -> None:
    """Both layouts give the same arrays; the original's first three bytes and rows hash as published."""
    folder = tmp_path / "glue" / "MRPC"
    folder.mkdir(parents=True)
    packed = glue_root / "glue" / "MRPC"
    train, dev = (
        lzma.decompress((packed / f"{split}.tsv.xz").read_bytes()).decode().splitlines()
        for split in ("train", "dev")
    )
    (folder / "msr_paraphrase_train.txt").write_text(
        "\n".join([*train, *dev[1:]]) + "\n", encoding="utf-8-sig"
    )
    (folder / "dev_ids.tsv").write_text("".join("\t".join(row.split("\t")[1:3]) + "\n" for row in dev[1:]))
    d = lets.data.load("mrpc", root=tmp_path)
    assert d.arrays["tokenizer"].equal(real("mrpc", glue_root).arrays["tokenizer"])
    assert (folder / "msr_paraphrase_train.txt").stat().st_size == source("mrpc").downloads[0].bytes
    assert (folder / "dev_ids.tsv").stat().st_size == source("mrpc").downloads[1].bytes


@pytest.mark.parametrize("change", ["a letter", "a label", "the order"])
def test_changed_real_data_are_refused(change: str, glue_root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "glue" / "RTE"
    shutil.copytree(glue_root / "glue" / "RTE", folder)
    for file in folder.iterdir():
        file.chmod(0o644)
    path = folder / "dev.tsv.xz"
    rows = lzma.decompress(path.read_bytes()).decode().split("\n")
    if change == "a letter":
        rows[100] = rows[100].replace("a", "e", 1)
    elif change == "a label":
        rows[1] = rows[1].replace("not_entailment", "entailment")
    else:
        rows[5], rows[6] = rows[6], rows[5]
    path.write_bytes(lzma.compress("\n".join(rows).encode()))
    with pytest.raises(ChecksumError, match=r"sha256 of sentences and labels is .*should be 9aabd601"):
        lets.data.load("rte", root=tmp_path)


def test_the_artifact_keeps_every_byte(glue_root: Path, tmp_path: Path) -> None:
    d, path = real("stsb", glue_root), tmp_path / "stsb" / "arrays.safetensors"
    d.write(path)
    again = TextDataset.read(path)
    assert (again.name, again.title, again.class_names, again.tokenizer) == ("stsb", "STS-B", (), d.tokenizer)
    for split in ("train", "test"):
        assert again.splits[split].rows == d.splits[split].rows
        assert again.splits[split].labels.equal(d.splits[split].labels)
    digest = hashlib.sha256(path.read_bytes()).digest()
    d.write(path)
    assert hashlib.sha256(path.read_bytes()).digest() == digest


def test_a_damaged_artifact_is_refused(tmp_path: Path, shrunk) -> None:
    entry = shrunk("cola")
    put(tmp_path / entry.folder, "cola")
    path = tmp_path / "cola" / "arrays.safetensors"
    glue.read(entry, tmp_path, download=False).write(path)
    intact = path.read_bytes()
    assert json.loads(TextDataset.read(path).tokenizer)["model"]["type"] == "BPE"
    for word in (b"It is.", b"[CLS]"):  # a sentence, and the tokenizer
        path.write_bytes(intact.replace(word, word.swapcase(), 1))
        with pytest.raises(ChecksumError, match=r"sha256 of the arrays .* run  lets data prepare cola"):
            TextDataset.read(path)
    path.unlink()
    with pytest.raises(DataError, match=r"missing – run  lets data prepare cola"):
        TextDataset.read(path)
