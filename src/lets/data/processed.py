"""The processed artifact of a data set: its four verified arrays in one safetensors file."""

import json
from pathlib import Path

import safetensors
import safetensors.torch

from lets.data.dataset import Dataset, Split
from lets.data.digest import arrays_sha256
from lets.errors import ChecksumError, DataError
from lets.records.files import write_bytes

__all__ = ["read_processed", "write_processed"]


def write_processed(dataset: Dataset, path: Path) -> None:
    """Write `dataset` to `path` atomically, names and digest in the header; same content, same bytes."""
    card = {
        "name": dataset.name,
        "title": dataset.title,
        "class_names": dataset.class_names,
        "sha256": arrays_sha256(dataset.arrays),
    }
    # one header entry, because safetensors does not keep the order of several
    header = {"dataset": json.dumps(card, ensure_ascii=False)}
    write_bytes(path, safetensors.torch.save(dict(dataset.arrays), header))


def read_processed(path: Path) -> Dataset:
    """Read what `write_processed` wrote; a missing file raises DataError, other bytes ChecksumError."""
    if not path.is_file():
        raise DataError(f"{path} – missing – run  lets data prepare {path.parent.name}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            card = json.loads(file.metadata()["dataset"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 – a handle, no mapping
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ChecksumError(
            f"{path} – not the file that was written ({error}) – "
            f"delete it and run  lets data prepare {path.parent.name}"
        ) from error
    digest = arrays_sha256(arrays)
    if digest != card["sha256"]:
        raise ChecksumError(
            f"{path} – sha256 of the arrays is {digest}, its header says {card['sha256']} – "
            f"delete it and run  lets data prepare {card['name']}"
        )
    return Dataset(
        name=card["name"],
        title=card["title"],
        train=Split(arrays["train.images"], arrays["train.labels"]),
        test=Split(arrays["test.images"], arrays["test.labels"]),
        class_names=tuple(card["class_names"]),
    )
