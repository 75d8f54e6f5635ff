"""Digest of the code that can change a number of a run, and of nothing else.

What counts are the definitions that `train_run` reaches by name, wherever they are written (see `reach`). Of the three
catalogues the rows that the run names count, by value: a new row leaves the digest of every other run as it is.

A change of the code that leaves every number as it is gives a new digest all the same. Then `codes.csv` lists, for
records in git, the recorded digest beside the present one, and the evidence.
"""

import csv
import json
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

import lets
from lets.config.run import RunSpec
from lets.data.catalogue import describe as describe_data
from lets.errors import StorageError
from lets.files import sha256_bytes, sha256_file, write_text
from lets.models.catalogue import describe as describe_network
from lets.optim.catalogue import describe as describe_method
from lets.runs.reach import Source

__all__ = ["code_digest", "same_code"]

ENTRY = "lets.train.run:train_run"
CATALOGUES = frozenset({"METHODS", "ARCHITECTURES", "DATASETS"})
"""tables whose rows are digested by value"""
BOOKKEEPING = frozenset(
    {"Machine", "Provenance", "Layout", "RunRecord", "code_digest", "image", "machine", "packages"}
)
"""where a run lies and who made it: no number depends on it (what is read is digested by content)"""
SAME_CODE = Path(__file__).with_name("codes.csv")


def code_digest(spec: RunSpec) -> str:
    """Return the hexadecimal SHA-256 of the code that trains `spec`, equal on every version of Python."""
    builder = describe_network(spec.architecture).builder
    return sha256_bytes(f"{json.dumps(_rows(spec), sort_keys=True)} {_reached(builder)}".encode())


def same_code(made: str, now: str) -> bool:
    """Return whether code with the digest `made` trained what code with the digest `now` trains."""
    return made == now or (made, now) in _listed()


def _rows(spec: RunSpec) -> dict[str, object]:
    """What a run takes from the catalogues: without titles, citations and places in the source."""
    method, network = describe_method(spec.method), describe_network(spec.architecture)
    data = asdict(describe_data(spec.dataset))
    return {
        "method": [method.policy, method.ascent, method.descent, method.radius],
        "network": [network.builder.partition(":")[2], dict(network.arguments), network.pretrained],
        "data": {name: value for name, value in data.items() if name not in ("title", "reader", "pictures")},
    }


@cache
def _reached(builder: str) -> str:
    """Digest of every definition that training reaches, those of the network's `builder` among them.

    Half a second of reading, so it is cached beside Python's own cache of the source until a byte of that changes.
    """
    root = Path(lets.__path__[0])
    sources = [sha256_file(file) for file in sorted(root.rglob("*.py"))]
    cached = root / "__pycache__" / f"code-{sha256_bytes(' '.join([builder, *sources]).encode())}"
    if cached.is_file():
        return cached.read_text()
    found = Source(root, CATALOGUES | BOOKKEEPING).closure(ENTRY, builder)
    digest = sha256_bytes("\n".join(found).encode())
    with suppress(StorageError):  # an installed package may be read-only
        write_text(cached, digest)
    return digest


@cache
def _listed() -> frozenset[tuple[str, str]]:
    with SAME_CODE.open(newline="") as file:
        return frozenset((row["recorded"], row["now"]) for row in csv.DictReader(file))
