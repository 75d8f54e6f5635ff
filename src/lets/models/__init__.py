"""The networks of the paper and small versions of them for 8×8 digits.

Importing this package does not import torch; `create` is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any

from lets.models.catalogue import describe, names

if TYPE_CHECKING:
    from lets.models.build import create

__all__ = ["create", "describe", "names"]


def __getattr__(name: str) -> Any:
    if name != "create":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lets.models.build import create

    return create
