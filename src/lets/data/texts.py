"""A data set of labelled texts in memory, and its sentences as token ids.

The tokens are those of a byte-level BPE, trained on the data set or that of a pretrained DeBERTa.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lets.data.dataset import read_artifact, write_artifact
from lets.data.sources import damaged, language
from lets.data.tokens import Tokens
from lets.errors import ChecksumError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = [
    "PRETRAINED_VOCABULARY",
    "SPECIAL",
    "VOCABULARY",
    "TextDataset",
    "Texts",
    "arrays_of",
    "encode",
    "pretrained_tokenizer",
    "train_tokenizer",
    "truncated",
]


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
        with damaged(path, f"delete it and run  lets data prepare {path.parent.name} --download"):
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


SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[UNK]")
"""the first tokens of every vocabulary, with ids 0 … 3"""

VOCABULARY = 4_000
"""tokens of a vocabulary that is trained on a data set"""

PRETRAINED_VOCABULARY = 50_265
LONGEST = 256
"""tokens that a text may have, special ones included: what the fine-tuning of DeBERTa's authors reads of GLUE"""


def train_tokenizer(rows: Iterable[Sequence[str]]) -> str:
    """Train a vocabulary of at most VOCABULARY tokens on every sentence; return the whole tokenizer as json.

    The same sentences give the same tokenizer, however many threads count them. All 256 bytes are tokens, so
    no text is unknown to it.
    """
    library = language("tokenizers")
    trainer = library.trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer = _tokenizer(library.models.BPE())
    tokenizer.train_from_iterator(chain.from_iterable(rows), trainer)
    return _framed(tokenizer)


def pretrained_tokenizer(folder: Path) -> str:
    """Return the tokenizer of microsoft/deberta-base, from vocab.json and merges.txt in `folder`, as json.

    A pair is [CLS] first [SEP] second [SEP], as it was pretrained. Raises ChecksumError for a vocabulary that
    is another one.
    """
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    again = "delete it and run  lets data weights microsoft/deberta-base --download"
    with damaged(vocabulary, again):
        known = dict(json.loads(vocabulary.read_text(encoding="utf-8")))
    if len(known) != PRETRAINED_VOCABULARY or [known.get(token) for token in SPECIAL] != [0, 1, 2, 3]:
        raise ChecksumError(
            f"{vocabulary} – {len(known)} tokens, should be {PRETRAINED_VOCABULARY} that begin with "
            f"{' '.join(SPECIAL)} – {again}"
        )
    library = language("tokenizers")
    with damaged(merges, again):
        tokenizer = _tokenizer(library.models.BPE.from_file(str(vocabulary), str(merges)))
    tokenizer.add_special_tokens(list(SPECIAL))
    return _framed(tokenizer)


def encode(rows: Sequence[Sequence[str]], tokenizer: str) -> Tokens:
    """Return the token ids of texts of one or two sentences, framed by [CLS] and [SEP].

    Of a text of more than LONGEST tokens the longer sentence loses tokens at its end until the text fits
    (the usual recipe); `truncated` counts such texts.
    """
    return Tokens.of([encoding.ids for encoding in _encodings(rows, tokenizer)])


def truncated(rows: Sequence[Sequence[str]], tokenizer: str) -> int:
    """Count the texts of more than LONGEST tokens: `encode` leaves the rest of them out."""
    return sum(bool(encoding.overflowing) for encoding in _encodings(rows, tokenizer))


def _encodings(rows: Sequence[Sequence[str]], tokenizer: str) -> Sequence["Encoding"]:
    encoder = language("tokenizers").Tokenizer.from_str(tokenizer)
    encoder.no_padding()
    encoder.enable_truncation(LONGEST, strategy="longest_first")
    inputs = [tuple(row) if len(row) == 2 else row[0] for row in rows]
    found: Sequence[Encoding] = encoder.encode_batch_fast(inputs)
    return found


def _tokenizer(model: Any) -> "Tokenizer":
    """Words and the space before each are made of bytes, which the model puts together."""
    library = language("tokenizers")
    tokenizer: Tokenizer = library.Tokenizer(model)
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    return tokenizer


def _framed(tokenizer: "Tokenizer") -> str:
    tokenizer.post_processor = language("tokenizers").processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")],
    )
    return str(tokenizer.to_str())
