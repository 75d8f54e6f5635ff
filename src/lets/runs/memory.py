"""Snakemake's memory of what made each file, kept beside the results so that a clone can have it too."""

import shutil
from base64 import urlsafe_b64decode
from collections.abc import Collection
from pathlib import Path

from lets.config.paths import Layout
from lets.errors import RecordError

SNAKEMAKE = Path(".snakemake")
"""its folder `metadata` holds a record per output, named by the output's path in base64, in parts if that is long"""


def keep_memory(layout: Layout, outputs: Collection[Path]) -> None:
    """Copy Snakemake's records of `outputs`, and of nothing else, to `layout.memory`."""
    source = layout.root / SNAKEMAKE / "metadata"
    shutil.rmtree(layout.memory, ignore_errors=True)
    for record in source.rglob("*"):
        name = record.relative_to(source)
        if record.is_file() and _output(name) in outputs:
            (layout.memory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(record, layout.memory / name)


def recall_memory(layout: Layout) -> None:
    """Give Snakemake the records that `layout.memory` holds."""
    if not layout.memory.is_dir():
        raise RecordError(
            f"{layout.memory} – is not there – run  lets track  where the runs were made, and pull again"
        )
    target = layout.root / SNAKEMAKE
    (target / "incomplete").mkdir(
        parents=True, exist_ok=True
    )  # without it Snakemake takes records for old ones
    shutil.copytree(layout.memory, target / "metadata", dirs_exist_ok=True, copy_function=shutil.copyfile)


def _output(name: Path) -> Path:
    """The output that a record is about; the @ before all parts but the last is no letter of base64, and skipped."""
    return Path(urlsafe_b64decode("".join(name.parts)).decode())
