"""From sentences to token ids: byte-level BPE, trained on a data set or that of a pretrained DeBERTa."""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lets.data.extra import language
from lets.data.tokens import Tokens
from lets.data.verify import damaged
from lets.errors import ChecksumError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = [
    "PRETRAINED_VOCABULARY",
    "SPECIAL",
    "VOCABULARY",
    "encode",
    "pretrained_tokenizer",
    "train_tokenizer",
    "truncated",
]

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
    again = "delete it and bring the file of microsoft/deberta-base"
    with damaged(vocabulary, again):
        known = dict(json.loads(vocabulary.read_text(encoding="utf-8")))
    if len(known) != PRETRAINED_VOCABULARY or [known.get(token) for token in SPECIAL] != [0, 1, 2, 3]:
        raise ChecksumError(
            f"{vocabulary} – {len(known)} tokens, should be {PRETRAINED_VOCABULARY} that begin with "
            f"{' '.join(SPECIAL)} – bring the file of microsoft/deberta-base"
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
