"""The shared training core: one loop for every method, architecture and data set.

Importing this package does not import torch; `train_run` is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lets.train.job import train_run

__all__ = ["train_run"]


def __getattr__(name: str) -> Any:
    if name != "train_run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lets.train.job import train_run

    return train_run
