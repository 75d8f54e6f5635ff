"""Digests of bytes, never of time stamps."""

import os
from pathlib import Path

from lets import files as digests

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
