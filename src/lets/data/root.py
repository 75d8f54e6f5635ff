"""Where data sets and pretrained weights lie. Imports no torch."""

import os
from pathlib import Path

__all__ = ["default_root"]


def default_root() -> Path:
    """The data root where none is given: the environment variable LETS_DATA, else data/raw."""
    return Path(os.environ.get("LETS_DATA") or "data/raw")
