"""SHA-256 of bytes, files and container images."""

import hashlib
from pathlib import Path

from lets.spec.paths import digest_file


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
