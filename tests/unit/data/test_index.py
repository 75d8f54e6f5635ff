import gzip
import json
from pathlib import Path

import pytest

from lets.data.catalogue import DatasetInfo
from lets.data.folder import Picture, PictureIndex, read_index, scan, write_index
from lets.errors import ChecksumError, DataError


@pytest.fixture
def index() -> PictureIndex:
    train = [Picture('train/n1/a, "b".JPEG', 5, 0), Picture("train/n2/ü.JPEG", 70, 1)]
    return PictureIndex("imagenette", "imagenette2", ("n1", "n2"), train, [Picture("val/n2/c.JPEG", 3, 1)])


def test_round_trip(index: PictureIndex, tmp_path: Path) -> None:
    write_index(index, tmp_path / "imagenette" / "index.csv.gz")
    assert read_index(tmp_path / "imagenette" / "index.csv.gz") == index


def test_the_file_is_a_csv_with_a_card(index: PictureIndex, tmp_path: Path) -> None:
    write_index(index, tmp_path / "index.csv.gz")
    head, *lines = gzip.decompress((tmp_path / "index.csv.gz").read_bytes()).decode().splitlines()
    assert lines == [
        "path,bytes,class",
        '"train/n1/a, ""b"".JPEG",5,0',
        "train/n2/ü.JPEG,70,1",
        "val/n2/c.JPEG,3,1",
    ]
    assert json.loads(head.removeprefix("# ")) == {
        "dataset": "imagenette",
        "folder": "imagenette2",
        "class_names": ["n1", "n2"],
        "missing": ["2 of 10 classes", "2 of 9469 training pictures", "1 of 3925 test pictures"],
        "sha256": index.sha256,
    }


def test_same_content_same_bytes(
    pictures_root: Path, tmp_path: Path, tiny: DatasetInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now, name in enumerate(("one", "other")):
        monkeypatch.setattr("time.time", lambda now=now: 1e9 + 100 * now)  # gzip would store it
        write_index(scan("imagenette", pictures_root / "imagenette2-320"), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_digest_sees_names_lengths_and_classes(index: PictureIndex) -> None:
    first, second = index.train
    others = [
        [first._replace(path="train/n1/x.JPEG"), second],
        [first._replace(bytes=6), second],
        [first, second._replace(label=0)],
        [second],
    ]
    digests = {PictureIndex("imagenette", "f", ("n1", "n2"), train, index.test).sha256 for train in others}
    assert len(digests | {index.sha256}) == 5


@pytest.mark.parametrize("where", [-1, -9, 0, 30, 100])
def test_a_changed_byte_is_noticed(index: PictureIndex, tmp_path: Path, where: int) -> None:
    path = tmp_path / "imagenette" / "index.csv.gz"
    write_index(index, path)
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(ChecksumError, match=r"delete it and run  lets data prepare imagenette --download$"):
        read_index(path)


def test_an_edited_line_is_noticed(index: PictureIndex, tmp_path: Path) -> None:
    path = tmp_path / "imagenette" / "index.csv.gz"
    write_index(index, path)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b",70,1", b",70,0")))
    with pytest.raises(ChecksumError, match=r"sha256 of the list is .*, its first line says"):
        read_index(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing – run  lets data prepare imagenet --download$"):
        read_index(tmp_path / "imagenet" / "index.csv.gz")
