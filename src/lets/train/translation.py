"""What a translation is trained by and measured by: label-smoothed cross-entropy, and BLEU of its beam search."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lets.data.bpe import EOS, PAD, Bpe
from lets.data.sources import language
from lets.data.tokens import SentencePairs
from lets.spec.training import Precision
from lets.train.beam import beam_search
from lets.train.device import ALONE, Ranks, autocast, evaluating

__all__ = ["Decoding", "detokenise", "losses", "scores", "tally", "translate"]

Forward = Callable[[Tensor, Tensor], Tensor]


def losses(forward: Forward, batch: tuple[Tensor, Tensor], label_smoothing: float = 0.0) -> Tensor:
    """Per-sentence cross-entropy of a batch (source [n, S], target [n, T]), shape [n], float32.

    Summed over the tokens of a sentence and divided by the mean number of tokens of a sentence of this batch:
    the mean over sentences is the mean over tokens, which fairseq's recipe descends. Padding counts nothing.
    With smoothing s the true token has probability 1 − s + s/V, any other s/V (V tokens, PAD one of them).
    """
    source, target = batch
    logits = forward(source, _shifted(target)).float()
    each = F.cross_entropy(
        logits.flatten(0, 1),
        target.flatten(),
        reduction="none",
        ignore_index=PAD,
        label_smoothing=label_smoothing,
    )
    tokens_per_sentence = (target != PAD).sum() / len(target)
    return each.view_as(target).sum(1) / tokens_per_sentence


def tally(forward: Forward, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Sum of the tokens' cross-entropies (no smoothing), tokens predicted right, tokens; float64 [3].

    Each token is predicted from the true ones before it; EOS is one of them, padding is not.
    """
    source, target = batch
    logits, true = forward(source, _shifted(target)).float().flatten(0, 1), target.flatten()
    loss = F.cross_entropy(logits, true, reduction="sum", ignore_index=PAD)
    right = (logits.argmax(1) == true) & (true != PAD)
    return torch.stack([part.double() for part in (loss, right.sum(), (true != PAD).sum())])


def _shifted(target: Tensor) -> Tensor:
    """What the decoder reads to predict `target`: the same, a token later; EOS stands for the beginning."""
    return F.pad(target[:, :-1], (1, 0), value=EOS)


@dataclass(frozen=True)
class Decoding:
    """How translations are searched; `tokens` of source sentences are searched at a time."""

    beam: int = 5
    length_penalty: float = 1.0
    tokens: int = 4_096


def translate(
    model: Any,
    pairs: SentencePairs,
    bpe: Bpe,
    decoding: Decoding = Decoding(),
    precision: Precision = "float32",
) -> list[str]:
    """Translate this rank's source sentences; return them in `pairs.plain_order`, words apart by one space."""
    found: list[str] = []
    with evaluating(model), autocast(precision, pairs.labels.device):
        for source, _ in pairs.plain(decoding.tokens):
            ids = beam_search(model, source, decoding.beam, decoding.length_penalty)
            found += [bpe.decode(sentence) for sentence in ids]
    return found


def scores(
    model: nn.Module,
    pairs: SentencePairs,
    references: Sequence[str],
    bpe: Bpe,
    decoding: Decoding = Decoding(),
    precision: Precision = "float32",
    ranks: Ranks = ALONE,
) -> dict[str, float]:
    """Translate `pairs` and compare with `references`, which are in the order of the pairs; in percent.

    `bleu` is that of the words as the corpus has them (sacrebleu --tokenize none), `sacrebleu` that of running
    text (`detokenise` of both, then sacrebleu's default, 13a). Both are as the corpus is, lower case.
    """
    hypotheses = translate(model, pairs, bpe, decoding, precision)
    own = [references[i] for i in pairs.plain_order.tolist()]
    running = [detokenise(line) for line in hypotheses], [detokenise(line) for line in own]
    return {
        "bleu": _bleu(hypotheses, own, "none", pairs.labels.device, ranks),
        "sacrebleu": _bleu(*running, "13a", pairs.labels.device, ranks),
    }


def _bleu(
    hypotheses: Sequence[str], references: Sequence[str], tokenize: str, device: torch.device, ranks: Ranks
) -> float:
    """BLEU of a corpus of which every rank has a part: n-gram counts and lengths are summed before the ratio."""
    bleu = language("sacrebleu").BLEU(tokenize=tokenize, force=True)
    statistics = bleu._extract_corpus_statistics(list(hypotheses), [list(references)])
    counts = torch.tensor(statistics, dtype=torch.int64, device=device).sum(0)
    return float(bleu._compute_score_from_stats(ranks.sum(counts).tolist()).score)


ENTITIES = {
    "&bar;": "|",
    "&#124;": "|",
    "&lt;": "<",
    "&gt;": ">",
    "&apos;": "'",
    "&quot;": '"',
    "&#91;": "[",
    "&#93;": "]",
    "&amp;": "&",  # the last one: what it yields is no entity
}
"""what Moses' tokeniser writes for signs that mean something to it"""

BEHIND = re.compile(r" (?=[.,!?;:%)\]…])| (?='(?:s|re|ve|ll|d|m|t)\b)")

BEFORE = re.compile(r"(?<=[(\[]) ")


def detokenise(line: str) -> str:
    """Undo Moses' entities and close the gaps before . , ! ? ; : % ) ] … 's 're 've 'll 'd 'm 't, and after ( [.

    Quotation marks stay apart, for nothing tells an opening from a closing one; sacrebleu's 13a sets them
    apart anyway.
    """
    for entity, sign in ENTITIES.items():
        line = line.replace(entity, sign)
    return BEFORE.sub("", BEHIND.sub("", line))
