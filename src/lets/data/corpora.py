"""The parallel corpora and how their folders look. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass

from lets.data.catalogue import DatasetInfo, describe
from lets.errors import SpecError

__all__ = ["CORPORA", "SPLITS", "CorpusInfo", "corpus_info"]

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class CorpusInfo:
    """Where the sentences of a data set lie: `stem` of a split, then .de or .en, as they are or gzipped.

    The first of its `folders` below the data root is read. `raw` text has to be lower-cased and split into
    words; the other was, and may have a BPE applied to it by subword-nmt, which is undone. `code` is the file
    of the merges of its BPE; where there is none, they are learned from the training text. `made_by` is what
    makes the files, where nobody offers them as they are.
    """

    folders: tuple[str, ...]
    stems: Mapping[str, str]
    valid_size: int
    raw: bool
    code: str = ""
    made_by: str = ""

    def sizes(self, info: DatasetInfo) -> dict[str, int]:
        """How many pairs each split has."""
        return {"train": info.train_size, "valid": self.valid_size, "test": info.test_size}


CORPORA = {
    "iwslt14": CorpusInfo(
        folders=("iwslt14.tokenized.de-en", "iwslt14.de-en"),
        stems={split: split for split in SPLITS},
        valid_size=7_283,
        raw=False,
        code="code",
        made_by="fairseq's examples/translation/prepare-iwslt14.sh with the scripts of Moses",
    ),
    "multi30k": CorpusInfo(
        folders=("multi30k",),
        stems={"train": "train", "valid": "val", "test": "test_2016_flickr"},
        valid_size=1_014,
        raw=True,
    ),
}


def corpus_info(name: str) -> CorpusInfo:
    """How the folder of the corpus called `name` looks; SpecError for any other data set."""
    if name not in CORPORA:
        raise SpecError(
            f"dataset {name!r} – {describe(name).title} is no folder of sentence pairs – "
            f"choose from: {', '.join(CORPORA)}"
        )
    return CORPORA[name]
