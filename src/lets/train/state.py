"""The file an interrupted run goes on from, written whole after every epoch."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from lets.records.files import write_bytes


def save_state(path: Path, identity: dict[str, str], state: dict[str, Any]) -> None:
    """Replace the state file; a kill at any moment leaves the old one or the new one."""
    buffer = io.BytesIO()
    torch.save({"identity": identity, **state}, buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path, identity: dict[str, str]) -> dict[str, Any] | None:
    """Return the state; None when there is none, or it was made by another code, torch, image, device or thread count.

    Going on from such a state would give bytes that no unbroken run gives.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError):  # damaged: as good as none
        return None
    return state if state.pop("identity") == identity else None
