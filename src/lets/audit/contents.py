"""What only one training can have: its weights, losses and history by their values, whatever the bytes of the files."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy

from lets.config.paths import WEIGHTS
from lets.files import sha256_bytes
from lets.runs import RunRecord

FEW = 10
"""steps, in which two trainings may not have parted far enough for their losses to differ"""
HISTORY = "history.csv"
MEASURED = (
    "epoch",
    "loss",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
)
"""columns of a history that depend on the weights"""


def contents(record: RunRecord) -> dict[str, str]:
    """Return digests by name, of as much as a run has: one that diverged at once has little."""
    return dict(_contents(record))


def _contents(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Of weights that are not kept the provenance has the digest of their file."""
    rows = [[getattr(row, name) for name in MEASURED] for row in record.history]
    if rows:
        yield HISTORY, sha256_bytes(repr(rows).encode())
    if WEIGHTS in record.files:
        yield WEIGHTS, _weights(record.folder / WEIGHTS)
    elif WEIGHTS in record.provenance.files:
        yield WEIGHTS, record.provenance.files[WEIGHTS]
    losses = record.trace()["loss"]
    if numpy.isfinite(losses).sum() > FEW:
        yield "losses", sha256_bytes(losses.tobytes())


def _weights(path: Path) -> str:
    """Digest tensors by name and value, for a file can be written anew in other types, or with another header."""
    from safetensors import safe_open

    digest = sha256()
    try:
        with safe_open(path, framework="pt") as file:
            for name in sorted(file.keys()):
                tensor = file.get_tensor(name).double() + 0  # no zero is a negative one
                digest.update(f"{name} {list(tensor.shape)}\n".encode() + tensor.numpy().tobytes())
    except Exception as error:  # what the library raises of a damaged file is listed nowhere
        return f"none: {error}"
    return digest.hexdigest()
