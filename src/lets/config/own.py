"""Enter networks and data sets of the user's own in the catalogues; all else finds them there. Imports no torch."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

import lets.data.catalogue
import lets.models.catalogue
from lets import own
from lets.config.paths import Layout
from lets.data.catalogue import DATASETS, DatasetInfo
from lets.models.catalogue import ARCHITECTURES, ArchitectureInfo

__all__ = ["dataset", "network", "sources"]


def network(name: str) -> ArchitectureInfo:
    """Return the row of a network, of "module:function" too: a function of `classes` and `image`, for images.

    Raises SpecError for a name that is neither; whether it can be built is seen when work starts.
    """
    if own.is_own(name):
        own.enter(name)
        ARCHITECTURES[name] = ArchitectureInfo(name, name, "own", "", name, {}, 10, (3, 32, 32), "")
    return lets.models.catalogue.describe(name)


def dataset(name: str) -> DatasetInfo:
    """Return the row of a data set, of "module:function" too: its function is called, unless it was since it changed.

    Raises SpecError for a name that is neither, DataError for what the function returns and nobody can train on.
    """
    if own.is_own(name):
        own.enter(name)
        path, digest = Layout("").arrays(name), own.digest(name)
        if _card(path).get("source") != digest:
            from lets.data.own import prepare  # with torch

            prepare(name, path)
        DATASETS[name] = _row(_card(path)["info"])
    return lets.data.catalogue.describe(name)


def sources(*names: str) -> list[Path]:
    """Return the files of the project folder that define those of `names` that are the user's own."""
    return sorted({file for name in names if own.is_own(name) for file in own.files(name)})


def _card(path: Path) -> dict[str, Any]:
    """Return what the header of prepared arrays says; nothing if there are none, or they are damaged."""
    try:
        with safe_open(path, framework="numpy") as file:
            return dict(json.loads(file.metadata()["dataset"]))
    except (OSError, SafetensorError, TypeError, KeyError, ValueError):
        return {}


def _row(info: dict[str, Any]) -> DatasetInfo:
    """Return a row as it was before JSON made lists of its tuples."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in info.items()
    }
    return DatasetInfo(**values)
