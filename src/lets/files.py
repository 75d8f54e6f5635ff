"""Whole files or none: a temporary neighbour, then a rename; and the SHA-256 of what is in them."""

import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lets.commands import command
from lets.errors import RecordError, StorageError

BLOCK = bytes(2**20)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically and durably; raises StorageError when the disk refuses.

    A file that holds these bytes already is left alone: its time stamp keeps telling the truth.
    """
    with storage_errors(path):
        if path.is_file() and path.read_bytes() == content:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON that is the same bytes for the same content."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """Return indented JSON with a closing newline; floats keep every digit. Raises ValueError for one not finite."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """Read JSON; raises RecordError naming the file when it is missing, or is not JSON as we write it."""
    try:
        return _parsed(path.read_bytes())
    except OSError as error:
        raise RecordError(
            f"{path} – cannot be read ({error.strerror}) – see what is there with  lets status"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RecordError(
            f"{path} – is not JSON ({error}) – delete its folder and make the run again"
        ) from error


def bytes_as_written(path: Path) -> bytes:
    """Return the bytes of a text with the line ends that we wrote: git can have changed them in a checkout."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def _parsed(content: bytes) -> Any:
    """Parse JSON; raises ValueError for what Python reads besides: NaN, infinite numbers, a key twice, half a pair."""
    parsed = json.loads(
        content.decode(), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_once
    )
    json_text(parsed).encode()  # half of a surrogate pair cannot be written again
    return parsed


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    if math.isfinite(number := float(text)):
        return number
    raise ValueError(f"{text} is too large a number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands in it twice")
    return found


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden path into a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path} – cannot be written ({error.strerror}) – {_remedy(path, error)}"
        ) from error


def check_writable(folder: Path, size: int) -> None:
    """Raise StorageError unless `size` bytes can be written into `folder`, which is made; nothing stays in it."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            for start in range(0, size, len(BLOCK)):  # the trace of the longest run has gigabytes
                file.write(BLOCK[: size - start])
            file.flush()


def check_named(path: Path | None) -> None:
    """Raise StorageError unless the file that a user names can be written; before the work that it is to hold.

    A file is written whole beside its place and moved there: a device or a link would be replaced.
    """
    if path is None:
        return
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise StorageError(f"{path} – is no plain file, which alone can be written anew – name another path")
    check_writable(path.parent, size=1)


def check_no_folder(path: Path, aside: Path) -> None:
    """Raise StorageError if a folder lies where a file is to be written, which cannot replace it.

    The folder may be dear to somebody: it is moved into the folder `aside`.
    """
    if path.is_dir() and not path.is_symlink():
        move = f"{command('mkdir', '-p', aside)} && {command('mv', path, aside)}"
        raise StorageError(f"{path} – cannot be written (a folder is in its place) – run  {move}")


def _remedy(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space and run the same command again: it resumes"
    for link in (path, *path.parents):
        if os.path.islink(link) and not os.path.exists(link):
            if _leads_to_itself(link):
                return f"{link} is a link that leads back to itself: run  {command('rm', link)}"
            target = Path(os.path.realpath(link))
            return f"{link} is a link to a folder that is not there: run  {command('mkdir', '-p', target)}"
    return "check the path and its rights"


def _leads_to_itself(link: Path) -> bool:
    try:
        os.stat(link)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256_bytes(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes (never trusting time stamps)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def image_digest(image: Path) -> str | None:
    """Return the sha256 that was written beside a container image when it was built; None if none was."""
    written = digest_file(image)
    return written.read_text().split()[0] if written.is_file() else None


def digest_file(image: Path) -> Path:
    """The file that holds an image's sha256, written when it was built: to hash gigabytes in every job takes long."""
    return image.with_name(f"{image.name}.sha256")
