"""Read a file only if it has the bytes it should have, and a pickle without giving it a way to run code."""

import hashlib
import io
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lets.data.sources import File, Source
from lets.errors import ChecksumError, DataError, LetsError

__all__ = ["ALLOWED", "damaged", "intact", "read_verified", "restricted_loads"]


@contextmanager
def damaged(path: Path, remedy: str) -> Iterator[None]:
    """Turn what a parser raises over a file that is not whole into a ChecksumError: it may raise anything."""
    try:
        yield
    except LetsError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise ChecksumError(
            f"{path} – damaged, or not the file that was written ({reason}) – {remedy}"
        ) from error


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
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} – cannot be read ({error.strerror}) – check its rights, or {prepare}"
        ) from error
    digest = _md5(content)
    if digest != file.md5 or len(content) != file.bytes:
        raise ChecksumError(
            f"{path} – damaged: md5 {digest} ({len(content)} bytes), "
            f"should be {file.md5} ({file.bytes} bytes) – {prepare}"
        )
    return content


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


# The three globals that an array of uint8 needs, under the names that NumPy 1 and NumPy 2 wrote.
_reconstruct = np.empty(0).__reduce__()[0]
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise DataError(
                f"{module}.{name} – a data file may hold arrays only, this one asks for code – delete it"
            )
        return ALLOWED[module, name]


def restricted_loads(content: bytes) -> Any:
    """Unpickle dictionaries, lists, numbers, strings and NumPy arrays; any other global raises DataError."""
    return _Restricted(io.BytesIO(content), encoding="latin1").load()
