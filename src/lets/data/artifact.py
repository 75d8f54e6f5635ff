"""A prepared data set on disk: named arrays in one safetensors file, what there is to know of them in its header."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from lets.data.digest import arrays_sha256
from lets.data.verify import damaged
from lets.errors import ChecksumError, DataError
from lets.records.files import write_bytes

__all__ = ["read_artifact", "write_artifact"]


def write_artifact(arrays: Mapping[str, Tensor], card: Mapping[str, Any], path: Path) -> None:
    """Write `arrays` to `path` atomically, the `card` and their digest in the header; same content, same bytes.

    `card` has a `name`, that of the data set.
    """
    # one header entry, because safetensors does not keep the order of several
    header = {"dataset": json.dumps({**card, "sha256": arrays_sha256(arrays)}, ensure_ascii=False)}
    write_bytes(path, safetensors.torch.save(dict(arrays), header))


def read_artifact(path: Path, make: str = "") -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read card and arrays that `write_artifact` wrote.

    A missing file raises DataError, other bytes ChecksumError; `make` is the command that makes the file, by
    default that of the data set of its folder.
    """
    make = make or f"lets data prepare {path.parent.name}"
    if not path.is_file():
        raise DataError(f"{path} – missing – run  {make}")
    with damaged(path, f"delete it and run  {make}"):
        with safetensors.safe_open(path, framework="pt") as file:
            card = json.loads(file.metadata()["dataset"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 – a handle, no mapping
        expected = card["sha256"]
    digest = arrays_sha256(arrays)
    if digest != expected:
        raise ChecksumError(
            f"{path} – sha256 of the arrays is {digest}, its header says {expected} – delete it and run  {make}"
        )
    return card, arrays
