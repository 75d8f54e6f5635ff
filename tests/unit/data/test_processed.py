import hashlib
from pathlib import Path

import pytest
import safetensors.torch
import torch

import lets.data
from lets.data.dataset import arrays_sha256, read_processed, write_processed
from lets.errors import ChecksumError, DataError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "digits" / "arrays.safetensors"
    write_processed(lets.data.load("digits"), path)
    return path


def test_round_trip(path: Path) -> None:
    original, copy = lets.data.load("digits"), read_processed(path)
    for split in ("train", "test"):
        assert torch.equal(getattr(copy, split).images, getattr(original, split).images)
        assert torch.equal(getattr(copy, split).labels, getattr(original, split).labels)
    assert (copy.name, copy.title, copy.class_names) == (original.name, original.title, original.class_names)


def test_other_programs_can_read_it(path: Path) -> None:
    arrays = safetensors.torch.load_file(path)
    assert {name: (array.dtype, tuple(array.shape)) for name, array in arrays.items()} == {
        "train.images": (torch.uint8, (1437, 1, 8, 8)),
        "train.labels": (torch.int64, (1437,)),
        "test.images": (torch.uint8, (360, 1, 8, 8)),
        "test.labels": (torch.int64, (360,)),
    }


def test_same_content_same_bytes(path: Path, tmp_path: Path) -> None:
    write_processed(lets.data.load("digits"), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["arrays.safetensors"]  # no temporary file stays


@pytest.mark.parametrize("where", [-1, -2000, 5, 200])
def test_any_changed_byte_is_noticed(path: Path, where: int) -> None:
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        ChecksumError, match=r"arrays\.safetensors – .*delete it and run  lets data prepare digits"
    ):
        read_processed(path)


def test_cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ChecksumError, match="not the file that was written"):
        read_processed(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing – run  lets data prepare cifar10"):
        read_processed(tmp_path / "cifar10" / "arrays.safetensors")


def test_digest_by_hand() -> None:
    arrays = {"b": torch.tensor([1, 258]), "a": torch.tensor([[7, 8]], dtype=torch.uint8)}
    by_hand = hashlib.sha256()
    by_hand.update(b"a uint8 (1, 2)\n" + bytes([7, 8]))
    by_hand.update(b"b int64 (2,)\n" + bytes([1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]))
    assert arrays_sha256(arrays) == by_hand.hexdigest()


def test_digest_ignores_memory_layout_and_sees_shape() -> None:
    array = torch.arange(12).view(3, 4)
    assert arrays_sha256({"x": array.t().contiguous().t()}) == arrays_sha256({"x": array})
    assert arrays_sha256({"x": array.view(4, 3)}) != arrays_sha256({"x": array})
