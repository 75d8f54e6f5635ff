"""Read the pickles of CIFAR's Python version without giving them a way to run code."""

import io
import pickle
from typing import Any

import numpy as np

from lets.errors import DataError

__all__ = ["restricted_loads"]

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
