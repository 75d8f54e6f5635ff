"""Eight tasks of GLUE from the folders of its archives: tab-separated rows, plain or compressed."""

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lets.data.catalogue import describe
from lets.data.dataset import arrays_sha256
from lets.data.download import download as fetch
from lets.data.sources import Source, damaged
from lets.data.texts import TextDataset, Texts, arrays_of, train_tokenizer
from lets.errors import ChecksumError, DataError
from lets.files import write_bytes

__all__ = ["FILES", "TASKS", "Task", "read"]

Row = list[str]

UNPACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.decompress, ".xz": lzma.decompress}
"""how a file may be compressed, by what its name ends with"""


@dataclass(frozen=True)
class Task:
    """Which columns hold the sentences and the label, and the classes as the files write and we name them.

    Without `classes` the label is a number. `header` names the columns where the files do not.
    """

    sentences: tuple[str, ...]
    label: str
    classes: dict[str, str]
    header: tuple[str, ...] = ()


_ENTAILMENT = {"entailment": "entailment", "not_entailment": "not entailment"}
_PAIR = ("sentence1", "sentence2")

TASKS = {
    "cola": Task(
        ("sentence",),
        "label",
        {"0": "unacceptable", "1": "acceptable"},
        header=("source", "label", "mark", "sentence"),
    ),
    "sst2": Task(("sentence",), "label", {"0": "negative", "1": "positive"}),
    "mrpc": Task(("#1 String", "#2 String"), "Quality", {"0": "not equivalent", "1": "equivalent"}),
    "stsb": Task(_PAIR, "score", {}),
    "qqp": Task(("question1", "question2"), "is_duplicate", {"0": "not duplicate", "1": "duplicate"}),
    "mnli": Task(
        _PAIR,
        "gold_label",
        {"entailment": "entailment", "neutral": "neutral", "contradiction": "contradiction"},
    ),
    "qnli": Task(("question", "sentence"), "label", _ENTAILMENT),
    "rte": Task(_PAIR, "label", _ENTAILMENT),
}

_TWO = {"train": "train.tsv", "test": "dev.tsv"}
FILES = dict.fromkeys(TASKS, _TWO) | {
    "mnli": {"train": "train.tsv", "test": "dev_matched.tsv", "mismatched": "dev_mismatched.tsv"}
}
"""data set → split → file; what we test on is the development set, the labels of GLUE's tests are secret"""

MISMATCHED_SIZE = 9_832
ORIGINAL, ORIGINAL_TEST = "msr_paraphrase_train.txt", "dev_ids.tsv"
"""MRPC as Microsoft published it, and the ids of the pairs that GLUE took out of it for development"""


def read(source: Source, root: Path, download: bool) -> TextDataset:
    """Read and verify every split below root/glue/TASK; `download` first fetches what is missing.

    Raises DataError for a missing file, ChecksumError for one with other rows than it should have.
    """
    folder, task, files = root / source.folder, TASKS[source.name], FILES[source.name]
    if download:
        _fetch(source, root)
    if _missing(folder, source) and _place(folder, ORIGINAL):
        rows = _original_mrpc(folder, source)
    else:
        rows = {split: _rows(folder, file, source) for split, file in files.items()}
    splits = {split: _texts(task, found, f"{folder}, {split}") for split, found in rows.items()}
    _verify(splits, folder, source)
    return TextDataset(
        name=source.name,
        title=describe(source.name).title,
        splits=splits,
        class_names=tuple(task.classes.values()),
        tokenizer=train_tokenizer(splits["train"].rows),
    )


def _fetch(source: Source, root: Path) -> None:
    folder, missing = root / source.folder, _missing(root / source.folder, source)
    for one in source.downloads if missing else ():
        fetch(one, root / one.file)
    if source.archive is None or not missing:
        return
    archive = root / source.archive.file
    fetch(source.archive, archive)
    with damaged(archive, "delete it and run the same command again"), zipfile.ZipFile(archive) as members:
        for file in missing:
            try:
                write_bytes(folder / file, members.read(f"{folder.name}/{file}"))
            except KeyError as error:
                raise DataError(f"{archive} – {error.args[0]} – compare it with datasets.yaml") from error


def _missing(folder: Path, source: Source) -> list[str]:
    return [file for file in FILES[source.name].values() if not _place(folder, file)]


def _place(folder: Path, file: str) -> Path | None:
    """Where a file lies, compressed or not."""
    places = (folder / f"{file}{suffix}" for suffix in UNPACK)
    return next((place for place in places if place.is_file()), None)


def _lines(folder: Path, file: str, source: Source) -> list[Row]:
    """The fields of every line that is not empty. A quotation mark is a character like any other."""
    path = _place(folder, file)
    if path is None:
        raise DataError(
            f"{folder / file} – missing, plain, .gz or .xz, so {describe(source.name).title} cannot be read – "
            f"run  lets data prepare {source.name} --download  or set LETS_DATA to the root of {source.folder}"
        )
    unpack = UNPACK.get(path.suffix, bytes)
    try:
        # Line ends as in all published readings: \n, \r\n and \r, but not the separators of Unicode.
        lines = io.StringIO(unpack(path.read_bytes()).decode("utf-8-sig"), newline=None)
        return [line.rstrip("\n").split("\t") for line in lines if line != "\n"]
    except (OSError, EOFError, lzma.LZMAError, zlib.error, UnicodeDecodeError) as error:
        raise ChecksumError(
            f"{path} – damaged ({error}) – delete it and run  lets data prepare {source.name} --download"
        ) from error


def _rows(folder: Path, file: str, source: Source) -> list[Row]:
    """The columns of the task: its sentences, then the label. Rows without one of them are left out, as usual."""
    task, lines = TASKS[source.name], _lines(folder, file, source)
    header = list(task.header) or (lines.pop(0) if lines else [])
    try:
        wanted = [header.index(column) for column in (*task.sentences, task.label)]
    except ValueError as error:
        raise ChecksumError(
            f"{folder / file} – {error} of its columns {header} – want the file of GLUE's archive, with labels"
        ) from error
    return [[row[i] for i in wanted] for row in lines if len(row) > max(wanted)]


def _original_mrpc(folder: Path, source: Source) -> dict[str, list[Row]]:
    ids = {tuple(row[:2]) for row in _lines(folder, ORIGINAL_TEST, source)}
    rows: dict[str, list[Row]] = {"train": [], "test": []}
    for row in [row for row in _lines(folder, ORIGINAL, source)[1:] if len(row) > 4]:
        rows["test" if tuple(row[1:3]) in ids else "train"].append([*row[3:5], row[0]])
    return rows


def _texts(task: Task, rows: Sequence[Row], where: str) -> Texts:
    numbers = {raw: float(number) for number, raw in enumerate(task.classes)}
    try:
        labels = [numbers[row[-1]] if task.classes else float(row[-1]) for row in rows]
    except (KeyError, ValueError) as error:
        raise ChecksumError(
            f"{where} – label {error} – want {' or '.join(task.classes) or 'a number'}: is it the split with labels?"
        ) from error
    kind = torch.int64 if task.classes else torch.float32
    return Texts(tuple(tuple(row[:-1]) for row in rows), torch.tensor(labels, dtype=kind))


def _verify(splits: Mapping[str, Texts], folder: Path, source: Source) -> None:
    info = describe(source.name)
    sizes = {"train": info.train_size, "test": info.test_size, "mismatched": MISMATCHED_SIZE}
    for split, texts in splits.items():
        if len(texts) != sizes[split]:
            raise ChecksumError(
                f"{folder}, {split} – {len(texts)} whole rows, should be {sizes[split]} – "
                f"delete it and run  lets data prepare {source.name} --download"
            )
    digest = arrays_sha256(arrays_of(splits))
    if source.arrays_sha256 and digest != source.arrays_sha256:
        raise ChecksumError(
            f"{folder} – sha256 of sentences and labels is {digest}, should be {source.arrays_sha256} – "
            f"delete it and run  lets data prepare {source.name} --download"
        )
