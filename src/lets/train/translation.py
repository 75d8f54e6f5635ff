"""What a translation is trained by and measured by: label-smoothed cross-entropy, and BLEU of its beam search."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lets.config.training import Precision
from lets.data.parallel import EOS, PAD, Bpe
from lets.data.sources import language
from lets.data.tokens import SentencePairs
from lets.train.device import ALONE, Ranks, autocast, evaluating

__all__ = [
    "LENGTH_FACTOR",
    "LENGTH_OFFSET",
    "Decoding",
    "Translator",
    "beam_search",
    "bleu_scores",
    "detokenise",
    "losses",
    "tally",
    "translate",
]

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


def bleu_scores(
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


LENGTH_FACTOR, LENGTH_OFFSET = 1.2, 10
"""a translation has at most 1.2 S + 10 tokens, S those of its source (fairseq's --max-len-a and -b); no EOS counted"""


class Translator(Protocol):
    """What can be searched: `lets.models.transformer.Transformer` is one."""

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        """What the decoder needs to know of source ids [B, S]; first dimensions B."""
        ...

    def next_logits(self, target: Tensor, *encoded: Tensor) -> Tensor:
        """Logits [B, vocabulary] of the token after `target` [B, T], which begins with EOS."""
        ...


@torch.no_grad()
def beam_search(
    model: Translator, source: Tensor, beam: int = 5, length_penalty: float = 1.0
) -> list[list[int]]:
    """Translate source ids [B, S], each ended by EOS; return the ids of each translation, without EOS.

    Finds the translation of greatest log-probability / length^`length_penalty`, EOS counted, among those that a
    beam of this size meets; a beam of 1 takes the most probable token every time. As fairseq's generator: of
    the 2·beam best continuations those with EOS that are among the first `beam` are finished, the first `beam`
    others go on, until as many are finished as the beam is wide; no translation is empty. Call it in eval mode.
    """
    search = _Search(model, source, beam, length_penalty)
    while len(search.rows):
        search.step()
    return [tokens[: tokens.index(EOS)] for tokens in search.best.tolist()]


class _Search:
    """The state of a search. `rows` are the sentences of the batch that are not finished: state is kept of them."""

    def __init__(self, model: Translator, source: Tensor, beam: int, length_penalty: float) -> None:
        self.model, self.beam, self.length_penalty = model, beam, length_penalty
        sentences, device = len(source), source.device
        lengths = (source != PAD).sum(1) - 1
        self.limits = (LENGTH_FACTOR * lengths.double() + LENGTH_OFFSET + 1e-9).long()
        longest = int(self.limits.max()) + 1
        self.rows = torch.arange(sentences, device=device)
        self.encoded = tuple(part.repeat_interleave(beam, 0) for part in model.encode(source))
        self.tokens = torch.full((sentences, beam, 1), EOS, device=device)
        self.scores = torch.full((sentences, beam), -math.inf, device=device)
        self.scores[:, 0] = 0  # all beams are equal before the first token
        self.finished = torch.zeros(sentences, dtype=torch.int64, device=device)
        self.best = torch.full((sentences, longest), EOS, device=device)
        self.best_score = torch.full((sentences,), -math.inf, device=device)

    def step(self) -> None:
        """Add one token to every beam."""
        scores, token, origin = self._candidates()
        ends = (token == EOS) & scores.isfinite()
        ends[:, self.beam :] = False
        self._finish(scores, origin, ends)
        length = self.tokens.shape[2]
        over = (self.finished >= self.beam) | (length > self.limits)
        # The first `beam` candidates that go on: a stable sort puts them before those that end.
        going = (token == EOS).int().argsort(dim=1, stable=True)[:, : self.beam]
        token, origin, scores = (part.gather(1, going) for part in (token, origin, scores))
        before = self.tokens.gather(1, origin[:, :, None].expand(-1, -1, length))
        self.tokens, self.scores = torch.cat([before, token[:, :, None]], 2), scores
        self._keep((~over).nonzero()[:, 0])

    def _candidates(self) -> tuple[Tensor, Tensor, Tensor]:
        """Score, last token and beam of the 2·beam best continuations of every sentence, the best first."""
        sentences, beam, length = self.tokens.shape
        logits = self.model.next_logits(self.tokens.flatten(0, 1), *self.encoded)
        log_p = logits.float().log_softmax(1).view(sentences, beam, -1)
        vocabulary = log_p.shape[2]
        tokens = torch.arange(vocabulary, device=log_p.device)
        if length == 1:
            log_p = log_p.masked_fill(tokens == EOS, -math.inf)
        log_p = log_p.masked_fill(tokens == PAD, -math.inf)
        must_end = (length > self.limits)[:, None, None]
        log_p = log_p.masked_fill(must_end & (tokens != EOS), -math.inf)
        totals = (self.scores[:, :, None] + log_p).flatten(1)
        scores, where = totals.topk(min(2 * beam, totals.shape[1]))
        return scores, where % vocabulary, where // vocabulary

    def _finish(self, scores: Tensor, origin: Tensor, ends: Tensor) -> None:
        """Count the translations that end here, and keep the best of each sentence if it is the best so far."""
        length = self.tokens.shape[2]
        first = ends.int().argmax(1, keepdim=True)
        score = scores.gather(1, first)[:, 0] / length**self.length_penalty
        better = ends.any(1) & (score > self.best_score[self.rows])
        tokens = self.tokens.gather(1, origin.gather(1, first)[:, :, None].expand(-1, -1, length))[:, 0, 1:]
        rows = self.rows[better]
        self.best_score[rows] = score[better]
        self.best[rows, : length - 1] = tokens[better]
        self.best[rows, length - 1 :] = EOS
        self.finished += ends.sum(1)

    def _keep(self, going: Tensor) -> None:
        """Go on with these sentences only."""
        if len(going) == len(self.rows):
            return
        beams = (going[:, None] * self.beam + torch.arange(self.beam, device=going.device)).flatten()
        self.encoded = tuple(part[beams] for part in self.encoded)
        self.rows, self.limits, self.finished = (
            part[going] for part in (self.rows, self.limits, self.finished)
        )
        self.tokens, self.scores = self.tokens[going], self.scores[going]


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
