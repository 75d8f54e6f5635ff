"""Load a data set by name."""

from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from lets.data.catalogue import describe
from lets.data.dataset import Dataset
from lets.data.root import default_root
from lets.data.sources import source
from lets.errors import SpecError

if TYPE_CHECKING:
    from lets.data.texts import TextDataset
    from lets.data.translation import Translation

__all__ = ["load"]


def load(
    name: str, root: str | Path | None = None, download: bool = False
) -> "Dataset | TextDataset | Translation":
    """Read and verify a data set; `root` is torchvision's root (it holds cifar-10-batches-py/ and the like).

    Images come as a Dataset, the tasks of GLUE as a TextDataset, sentence pairs as a Translation. Nothing is
    downloaded unless `download` is true. Raises SpecError for an unknown name, DataError for a missing
    file, ChecksumError for a file with the wrong bytes.
    """
    info = describe(name)
    if info.pictures:
        raise SpecError(
            f"dataset {name!r} – {info.title} stays in its folder, there are no arrays of it – "
            f"list its pictures:  lets data prepare {name}"
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
