"""Whole files or none, and a clear word when the disk refuses."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lets import files
from lets.errors import RecordError, StorageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_the_bytes_and_nothing_else(tmp_path: Path) -> None:
    files.write_bytes(tmp_path / "deep" / "a.bin", b"\x00\xff")
    assert (tmp_path / "deep" / "a.bin").read_bytes() == b"\x00\xff"
    assert names(tmp_path / "deep") == ["a.bin"]


def test_a_new_file_has_the_rights_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_text(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    target = tmp_path / "metrics.json"
    files.write_text(target, "old")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(
        StorageError, match=r"metrics\.json – cannot be written \(Input/output error\) – check"
    ):
        files.write_text(target, "new")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["metrics.json"]


def test_an_interrupted_write_leaves_the_old_file_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "metrics.json"
    files.write_text(target, "old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_text(target, "new")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["metrics.json"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB; only root can mount one, and not in every container."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("cannot mount a tmpfs here; test_a_disk_that_says_full covers the message")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_really_full_disk(small_disk: Path) -> None:
    target = small_disk / "weights.safetensors"
    files.write_bytes(target, b"old")
    with pytest.raises(
        StorageError, match=r"weights\.safetensors – cannot be written \(No space left on device\)"
    ):
        files.write_bytes(target, bytes(1 << 17))
    assert target.read_bytes() == b"old"
    assert names(small_disk) == ["weights.safetensors"]


def test_a_disk_that_says_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="free some space and run the same command again") as caught:
        files.write_bytes(tmp_path / "a", b"x")
    assert caught.value.exit_code == 2
    assert names(tmp_path) == []


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(
        StorageError, match=r"results/run – cannot be written .* – check the path and its rights"
    ):
        files.write_text(tmp_path / "results" / "run", "x")


def test_json_is_readable_and_keeps_every_digit(tmp_path: Path) -> None:
    content = {"b": 0.1 + 0.2, "a": "±"}
    files.write_json(tmp_path / "a.json", content)
    assert (tmp_path / "a.json").read_text() == '{\n  "b": 0.30000000000000004,\n  "a": "±"\n}\n'
    assert files.read_json(tmp_path / "a.json") == content


@pytest.mark.parametrize("content", [b"", b'{"run": "a"', b"\xff\xfe", b"nothing"])
def test_what_is_not_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(
        RecordError, match=r"metrics\.json – is not JSON \(.+\) – delete its folder and make the run"
    ):
        files.read_json(tmp_path / "metrics.json")


def test_a_missing_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        RecordError, match=r"metrics\.json – cannot be read \(No such file or directory\) – .*lets status"
    ):
        files.read_json(tmp_path / "metrics.json")
