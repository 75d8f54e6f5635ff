"""One SHA-256 over named arrays, the same on every machine and for every file format they travel in."""

import hashlib
from collections.abc import Mapping

from torch import Tensor

__all__ = ["arrays_sha256"]


def arrays_sha256(arrays: Mapping[str, Tensor]) -> str:
    """Hexadecimal SHA-256 over name, dtype, shape and little-endian bytes of each array, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name].detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()
