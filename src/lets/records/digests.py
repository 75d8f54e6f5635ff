"""SHA-256 of files and of the code that made a run."""

import hashlib
from functools import cache
from pathlib import Path

import lets
from lets.spec.paths import digest_file

TRAINING_PACKAGES = ("spec", "data", "models", "optim", "train")


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


@cache
def code_digest() -> str:
    """Return one digest over the source of every package that can change a number of a run."""
    root = Path(lets.__path__[0])
    files = sorted(file for package in TRAINING_PACKAGES for file in (root / package).rglob("*.py"))
    lines = [f"{file.relative_to(root).as_posix()} {sha256_file(file)}\n" for file in files]
    return sha256_bytes("".join(lines).encode())
