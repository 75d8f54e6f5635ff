"""The file an interrupted run goes on from, written whole after every epoch."""

import io
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from lets.errors import RecordError
from lets.records.files import write_bytes

DIGEST = 32
"""Bytes of the sha256 that the file begins with: torch reads a flipped bit as another number, and says nothing."""


def save_state(path: Path, identity: dict[str, str], state: dict[str, Any]) -> None:
    """Replace the state file; a kill at any moment leaves the old one or the new one."""
    buffer = io.BytesIO()
    torch.save({"identity": identity, **state}, buffer)
    content = buffer.getvalue()
    write_bytes(path, sha256(content).digest() + content)


def load_state(path: Path, identity: dict[str, str]) -> dict[str, Any] | None:
    """Return the state; None if there is none.

    Raises RecordError if the file is damaged, or was made by another code, torch, image, processor or thread count:
    going on from it would give bytes that no unbroken run gives.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"cannot be read ({error.strerror})") from error
    digest, content = content[:DIGEST], content[DIGEST:]
    if digest != sha256(content).digest():
        raise RecordError("is damaged: its sha256 differs")
    state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    made = state.pop("identity")
    if other := [name for name in identity if made.get(name) != identity[name]]:
        raise RecordError(f"was made by another {', another '.join(other)}")
    return dict(state)
