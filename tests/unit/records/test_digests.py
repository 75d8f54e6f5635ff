"""Digests of bytes, never of time stamps."""

import os
from pathlib import Path

import pytest

import lets
from lets.records import digests

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""SHA-256 of the text abc: the example of FIPS 180-4"""


def test_known_value(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("abc")
    assert digests.sha256_file(tmp_path / "a") == digests.sha256_bytes(b"abc") == ABC


def test_same_size_and_time_still_differ(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("abc")
    stat = path.stat()
    path.write_text("abd")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digests.sha256_file(path) != ABC


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("optim/sam.py", "train/loop.py", "report/tables.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(lets, "__path__", [str(tmp_path)])
    return tmp_path


def fresh() -> str:
    digests.code_digest.cache_clear()
    try:
        return digests.code_digest()
    finally:
        digests.code_digest.cache_clear()


@pytest.mark.parametrize(
    ("file", "matters"), [("optim/sam.py", True), ("train/loop.py", True), ("report/tables.py", False)]
)
def test_code_digest_sees_what_can_change_a_number(package: Path, file: str, matters: bool) -> None:
    before = fresh()
    (package / file).write_text("x = 2\n")
    assert (fresh() != before) is matters


def test_code_digest_sees_a_renamed_file(package: Path) -> None:
    before = fresh()
    (package / "optim/sam.py").rename(package / "optim/sam2.py")
    assert fresh() != before
