"""Sources → arrays → label noise → batches that live on the training device.

Importing this package does not import torch: readers are imported with their data set, classes at their first use.
"""

import importlib
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from lets.data.catalogue import describe, names
from lets.errors import SpecError

if TYPE_CHECKING:
    from lets.data.dataset import Dataset, Split
    from lets.data.images import Batches
    from lets.data.noisy_labels import symmetric_noise
    from lets.data.parallel import Translation
    from lets.data.texts import TextDataset

__all__ = ["Batches", "Dataset", "Split", "describe", "load", "names", "symmetric_noise"]

_HOMES = {
    "Batches": "lets.data.images",
    "Dataset": "lets.data.dataset",
    "Split": "lets.data.dataset",
    "symmetric_noise": "lets.data.noisy_labels",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def load(
    name: str, root: str | Path | None = None, download: bool = False
) -> "Dataset | TextDataset | Translation":
    """Read and verify a data set; `root` is torchvision's root (it holds cifar-10-batches-py/ and the like).

    `name` is one of the catalogue, or "module:function" of your own. Images come as a Dataset, the tasks of GLUE as a
    TextDataset, sentence pairs as a Translation. Nothing is downloaded unless `download` is true. Raises SpecError for
    an unknown name, DataError for a missing file, ChecksumError for a file with the wrong bytes.
    """
    from lets.data.sources import default_root, source
    from lets.own import is_own

    if is_own(name):
        from lets.data.own import read

        return read(name)
    info = describe(name)
    if info.pictures:
        raise SpecError(
            f"dataset {name!r} – {info.title} stays in its folder, there are no arrays of it – "
            f"list its pictures:  lets data prepare {name} --download"
        )
    if not info.reader:
        raise SpecError(
            f"dataset {name!r} – its row of the catalogue names neither a reader nor folders of pictures – "
            'add one of them, for example  reader="lets.data.cifar:read"'
        )
    dataset: Dataset | TextDataset | Translation = resolve_name(info.reader)(
        source(name), Path(root or default_root()), download
    )
    return dataset
