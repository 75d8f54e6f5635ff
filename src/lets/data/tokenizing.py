"""From sentences to token ids: byte-level BPE, trained on a data set or that of a pretrained DeBERTa."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lets.data.extra import language
from lets.errors import ChecksumError, DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "PRETRAINED_VOCABULARY",
    "SPECIAL",
    "VOCABULARY",
    "Tokens",
    "encode",
    "pretrained_tokenizer",
    "train_tokenizer",
]

SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[UNK]")
"""the first tokens of every vocabulary, with ids 0 … 3"""

VOCABULARY = 4_000
"""tokens of a vocabulary that is trained on a data set"""

PRETRAINED_VOCABULARY = 50_265
LONGEST = 256
"""tokens that a text may have, special ones included: what the fine-tuning of DeBERTa's authors reads of GLUE"""


@dataclass(frozen=True)
class Tokens:
    """Texts as `ids` int32, one after the other, with their `lengths` int64 [N]; on the CPU.

    `truncated` of them were longer than LONGEST; the rest of those is gone.
    """

    ids: Tensor
    lengths: Tensor
    truncated: int


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

    A pair is [CLS] first [SEP] second [SEP], as it was pretrained. Raises DataError for a missing file and
    ChecksumError for a vocabulary that is another one.
    """
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    for path in (vocabulary, merges):
        if not path.is_file():
            raise DataError(
                f"{path} – missing, so no text can be read – run  lets data weights microsoft/deberta-base --download"
            )
    known = json.loads(vocabulary.read_text(encoding="utf-8"))
    if len(known) != PRETRAINED_VOCABULARY or [known.get(token) for token in SPECIAL] != [0, 1, 2, 3]:
        raise ChecksumError(
            f"{vocabulary} – {len(known)} tokens, should be {PRETRAINED_VOCABULARY} that begin with "
            f"{' '.join(SPECIAL)} – bring the file of microsoft/deberta-base"
        )
    tokenizer = _tokenizer(language("tokenizers").models.BPE.from_file(str(vocabulary), str(merges)))
    tokenizer.add_special_tokens(list(SPECIAL))
    return _framed(tokenizer)


def encode(rows: Sequence[Sequence[str]], tokenizer: str) -> Tokens:
    """Return the token ids of texts of one or two sentences, framed by [CLS] and [SEP].

    Of a text of more than LONGEST tokens the longer sentence loses tokens at its end until the text fits
    (the usual recipe); `Tokens.truncated` counts them.
    """
    encoder = language("tokenizers").Tokenizer.from_str(tokenizer)
    encoder.no_padding()
    encoder.enable_truncation(LONGEST, strategy="longest_first")
    inputs = [tuple(row) if len(row) == 2 else row[0] for row in rows]
    encodings = encoder.encode_batch_fast(inputs)
    lengths = torch.tensor([len(encoding.ids) for encoding in encodings], dtype=torch.int64)
    ids = torch.tensor(list(chain.from_iterable(e.ids for e in encodings)), dtype=torch.int32)
    return Tokens(ids, lengths, sum(bool(encoding.overflowing) for encoding in encodings))


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
