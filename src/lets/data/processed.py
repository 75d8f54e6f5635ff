"""The processed artifact of a data set of images: its four verified arrays in one safetensors file."""

from pathlib import Path

from lets.data.artifact import read_artifact, write_artifact
from lets.data.dataset import Dataset, Split
from lets.data.verify import damaged

__all__ = ["read_processed", "write_processed"]


def write_processed(dataset: Dataset, path: Path) -> None:
    """Write `dataset` to `path` atomically, names and digest in the header; same content, same bytes."""
    card = {"name": dataset.name, "title": dataset.title, "class_names": dataset.class_names}
    write_artifact(dataset.arrays, card, path)


def read_processed(path: Path) -> Dataset:
    """Read what `write_processed` wrote; a missing file raises DataError, other bytes ChecksumError."""
    card, arrays = read_artifact(path)
    with damaged(path, f"delete it and run  lets data prepare {path.parent.name}"):
        return Dataset(
            name=card["name"],
            title=card["title"],
            train=Split(arrays["train.images"], arrays["train.labels"]),
            test=Split(arrays["test.images"], arrays["test.labels"]),
            class_names=tuple(card["class_names"]),
        )
