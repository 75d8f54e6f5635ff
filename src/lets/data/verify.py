"""Read a file only if it has the bytes it should have."""

import hashlib
from pathlib import Path

from lets.data.sources import File, Source
from lets.errors import ChecksumError, DataError

__all__ = ["intact", "read_verified"]


def intact(path: Path, file: File) -> bool:
    """Whether `path` exists with the size and MD5 of `file`."""
    return path.is_file() and path.stat().st_size == file.bytes and _md5(path.read_bytes()) == file.md5


def read_verified(path: Path, file: File, source: Source) -> bytes:
    """The content of `path`; a missing file raises DataError, a wrong size or MD5 ChecksumError."""
    prepare = f"run  lets data prepare {source.name} --download"
    if not path.is_file():
        raise DataError(
            f"{path} – missing, so {source.name} cannot be read – {prepare}  or set LETS_DATA to its root"
        )
    content = path.read_bytes()
    digest = _md5(content)
    if digest != file.md5 or len(content) != file.bytes:
        raise ChecksumError(
            f"{path} – damaged: md5 {digest} ({len(content)} bytes), "
            f"should be {file.md5} ({file.bytes} bytes) – {prepare}"
        )
    return content


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
