"""A data set of labelled texts in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lets.data.artifact import read_artifact, write_artifact
from lets.data.verify import damaged

__all__ = ["TextDataset", "Texts", "arrays_of"]


@dataclass(frozen=True)
class Texts:
    """`rows` of one or two sentences each, and `labels` [N]: int64 classes, or float32 scores."""

    rows: tuple[tuple[str, ...], ...]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def arrays(self) -> Mapping[str, Tensor]:
        """`text` uint8 is all sentences in UTF-8, `ends` int64 [N, sentences of a row] where each one ends."""
        sentences = [sentence.encode() for sentence in chain.from_iterable(self.rows)]
        ends = torch.tensor([len(sentence) for sentence in sentences]).cumsum(0)
        return {
            "text": _array(b"".join(sentences)),
            "ends": ends.view(len(self.rows), -1),
            "labels": self.labels,
        }

    @classmethod
    def of(cls, arrays: Mapping[str, Tensor]) -> "Texts":
        """The texts whose `arrays` these are."""
        content, ends = arrays["text"].numpy().tobytes(), arrays["ends"]
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), ends.flatten()[:-1]])
        sentences = [
            content[start:end].decode()
            for start, end in zip(starts.tolist(), ends.flatten().tolist(), strict=True)
        ]
        width = ends.shape[1]
        rows = tuple(tuple(sentences[i : i + width]) for i in range(0, len(sentences), width))
        return cls(rows, arrays["labels"])


@dataclass(frozen=True)
class TextDataset:
    """Splits of labelled texts, and the `tokenizer` (as json) that was trained on the training split.

    `splits` holds train and test, and of MNLI the mismatched development set as a third one. `class_names`
    are in the order of the labels, none for a regression.
    """

    name: str
    title: str
    splits: Mapping[str, Texts]
    class_names: tuple[str, ...]
    tokenizer: str

    @property
    def train(self) -> Texts:
        """What is trained on."""
        return self.splits["train"]

    @property
    def test(self) -> Texts:
        """What is measured on: GLUE's development set, for it keeps the labels of its test set to itself."""
        return self.splits["test"]

    @property
    def classes(self) -> int:
        """The number of classes; 1 for a regression."""
        return len(self.class_names) or 1

    @property
    def arrays(self) -> Mapping[str, Tensor]:
        """The arrays of all splits and the tokenizer by name, as they are hashed and stored."""
        return {**arrays_of(self.splits), "tokenizer": _array(self.tokenizer.encode())}

    def write(self, path: Path) -> None:
        """Write it to `path` atomically, names and digest in the header; same content, same bytes."""
        card = {
            "name": self.name,
            "title": self.title,
            "class_names": self.class_names,
            "splits": list(self.splits),
        }
        write_artifact(self.arrays, card, path)

    @classmethod
    def read(cls, path: Path) -> "TextDataset":
        """Read what `write` wrote; a missing file raises DataError, other bytes ChecksumError."""
        card, arrays = read_artifact(path)
        with damaged(path, f"delete it and run  lets data prepare {path.parent.name}"):
            return cls(
                name=card["name"],
                title=card["title"],
                splits={
                    split: Texts.of({name: arrays[f"{split}.{name}"] for name in ("text", "ends", "labels")})
                    for split in card["splits"]
                },
                class_names=tuple(card["class_names"]),
                tokenizer=arrays["tokenizer"].numpy().tobytes().decode(),
            )


def arrays_of(splits: Mapping[str, Texts]) -> Mapping[str, Tensor]:
    """The arrays of several splits, named split.array."""
    return {
        f"{split}.{name}": array for split, texts in splits.items() for name, array in texts.arrays.items()
    }


def _array(content: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(content, np.uint8).copy())
