"""Sources → arrays → label noise → batches that live on the training device.

Importing this package does not import torch; the names below are loaded when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lets.data.catalogue import describe, names

if TYPE_CHECKING:
    from lets.data.batches import Batches
    from lets.data.dataset import Dataset, Split
    from lets.data.loading import load
    from lets.data.noise import symmetric_noise

__all__ = ["Batches", "Dataset", "Split", "describe", "load", "names", "symmetric_noise"]

_HOMES = {
    "Batches": "lets.data.batches",
    "Dataset": "lets.data.dataset",
    "Split": "lets.data.dataset",
    "load": "lets.data.loading",
    "symmetric_noise": "lets.data.noise",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
