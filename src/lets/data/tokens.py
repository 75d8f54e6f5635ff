"""Many texts as token ids, one after the other, and batches of them: labelled texts, and pairs of sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Unpack

import torch
from torch import Tensor

from lets.data.loader import Loader, LoaderSettings
from lets.errors import SpecError

__all__ = ["PAD", "Pairs", "SentencePairs", "Sentences", "Tokens"]

PAD = 0
"""the id that fills a batch up, of every vocabulary; no text contains it"""


@dataclass(frozen=True)
class Tokens:
    """Token ids of many texts, one after the other in `ids` int32; `ends` int64 [N]: where each one ends."""

    ids: Tensor
    ends: Tensor

    def __len__(self) -> int:
        return len(self.ends)

    @cached_property
    def starts(self) -> Tensor:
        """Where every text begins, int64 [N]."""
        return torch.cat([self.ends.new_zeros(1), self.ends])[:-1]

    @property
    def lengths(self) -> Tensor:
        """Tokens of every text, int64 [N]."""
        return self.ends - self.starts

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]]) -> "Tokens":
        """Put texts one after the other."""
        lengths = torch.tensor([len(text) for text in texts], dtype=torch.int64)
        return cls(torch.tensor([*chain.from_iterable(texts)], dtype=torch.int32), lengths.cumsum(0))

    def some(self, chosen: Tensor) -> "Tokens":
        """The texts `chosen`, int64 [n], in that order."""
        texts = torch.split(self.ids, self.lengths.tolist())
        return Tokens(torch.cat([texts[i] for i in chosen.tolist()]), self.lengths[chosen].cumsum(0))

    def to(self, device: torch.device | str) -> "Tokens":
        """The same texts on a device."""
        return Tokens(self.ids.to(device), self.ends.to(device))

    def padded(self, index: Tensor, width: int) -> Tensor:
        """The texts `index` as int64 [B, width], PAD behind them; none may be longer."""
        where = self.starts[index, None] + torch.arange(width, device=index.device)
        inside = where < self.ends[index, None]
        return torch.where(inside, self.ids[where.clamp(max=len(self.ids) - 1)], PAD).long()


@dataclass(frozen=True)
class Pairs:
    """German `source` and English `target`; every sentence ends with EOS."""

    source: Tokens
    target: Tokens

    def __len__(self) -> int:
        return len(self.target)


class Sentences(Loader):
    """Shuffled batches of the texts `tokens` with `labels` [N], int64 classes or float32 scores.

    Inputs are ids int64 [B, L], L the longest of the batch; shorter texts end in PAD.
    `size` is (L, L) of the longest text of all, for attention compares each token with each.
    """

    def __init__(self, tokens: Tokens, labels: Tensor, **settings: Unpack[LoaderSettings]) -> None:
        _check(tokens, labels)
        longest = int(tokens.lengths.max())
        super().__init__(labels, (longest, longest), **settings)
        self.lengths = tokens.lengths  # on the CPU: how wide a batch is must not wait for the device
        self.tokens = tokens.to(self.labels.device)

    def epoch(self, epoch: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (ids int64 [B, L], labels [B]) of the steps start … stop-1 of a random pass."""
        order = torch.randperm(len(self.lengths), generator=self._generator(epoch))
        return self._batches([order[where] for where in self._steps(start, stop)])

    def plain(self, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this rank's part of the texts in stored order: for evaluation."""
        part = torch.arange(len(self.lengths))[self.rank :: self.ranks]
        return self._batches(torch.split(part, batch_size or self.batch_size))

    def _batches(self, order: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        if not any(map(len, order)):
            return
        widths = [int(self.lengths[batch].max()) for batch in order]
        # All indices at once: copied batch by batch, they would make the host wait for the device.
        indices = torch.cat([*order]).to(self.labels.device)
        for index, width in zip(torch.split(indices, [*map(len, order)]), widths, strict=True):
            yield self.tokens.padded(index, width), self.labels[index]


def _check(tokens: Tokens, labels: Tensor) -> None:
    texts, known = len(tokens), len(tokens.ids)
    if not texts or labels.shape != (texts,) or known != int(tokens.ends[-1]):
        raise SpecError(
            f"{known} ids, ends of {texts} texts, labels {tuple(labels.shape)} – want one label for each text, "
            "and ids up to the last end – see lets.data.texts.encode"
        )


class SentencePairs(Loader):
    """Batches (source int64 [B, S], target int64 [B, T]) of `pairs`; sentences end with EOS, then comes PAD.

    `batch_size` counts tokens, not pairs: a batch has as many pairs as fit, each as long as its longest
    sentence in either language (so does fairseq's --max-tokens). Pairs are sorted by the length of the target,
    then of the source, and cut into batches there; every epoch shuffles the batches, and pairs of equal
    lengths among each other. How many batches there are, and how large each one is, therefore never changes.

    `labels` are the lengths of the targets, int64 [N]; `size` is (longest sentence,).
    """

    def __init__(self, pairs: Pairs, **settings: Unpack[LoaderSettings]) -> None:
        self.lengths = torch.stack([pairs.source.lengths, pairs.target.lengths])
        super().__init__(pairs.target.lengths, (int(self.lengths.max()),), **settings)
        self.source, self.target = (side.to(self.labels.device) for side in (pairs.source, pairs.target))

    @cached_property
    def cuts(self) -> list[tuple[int, int]]:
        """Where in the sorted pairs each batch of an epoch begins and ends."""
        (longest,) = self.size
        if self.ranks * longest > self.batch_size:
            raise SpecError(
                f"batch_size {self.batch_size} – counts tokens here, and the longest sentence has {longest}, for "
                f"each of {self.ranks} rank(s) – write  batch_size: {max(4096, self.ranks * longest)}"
            )
        cuts = self._cut(self._sorted(torch.arange(len(self.labels)), first=1), self.batch_size)
        start, stop = cuts[-1]
        return cuts if stop - start >= self.ranks else cuts[:-1]

    def __len__(self) -> int:
        """Steps per epoch."""
        return len(self.cuts)

    def epoch(self, epoch: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (source, target) of the steps start … stop-1 of a random pass."""
        generator = self._generator(epoch)
        order = self._sorted(torch.randperm(len(self.labels), generator=generator), first=1)
        batches = torch.randperm(len(self), generator=generator).tolist()[start:stop]
        return self._batches(order, [self.cuts[batch] for batch in batches], self.rank, self.ranks)

    def plain(self, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this rank's part of the pairs in `plain_order`, at most `batch_size` tokens at a time."""
        order = self.plain_order
        return self._batches(order, self._cut(order, batch_size or self.batch_size))

    @property
    def plain_order(self) -> Tensor:
        """The numbers of the pairs that `plain` yields: this rank's, by the length of the source."""
        return self._sorted(torch.arange(len(self.labels)), first=0)[self.rank :: self.ranks]

    def _sorted(self, order: Tensor, first: int) -> Tensor:
        """Sort by the lengths of one language, then of the other; equal ones stay in their `order`."""
        for side in (1 - first, first):
            order = order[self.lengths[side, order].argsort(stable=True)]
        return order

    def _cut(self, order: Tensor, tokens: int) -> list[tuple[int, int]]:
        """Where each batch begins and ends: as long as it is, padded, no longer than so many tokens."""
        cuts, start, longest = [], 0, 0
        for i, length in enumerate(self.lengths[:, order].amax(0).tolist()):
            longest = max(longest, length)
            if i > start and (i + 1 - start) * longest > tokens:
                cuts.append((start, i))
                start, longest = i, length
        return [*cuts, (start, len(order))]

    def _batches(
        self, order: Tensor, cuts: list[tuple[int, int]], rank: int = 0, ranks: int = 1
    ) -> Iterator[tuple[Tensor, Tensor]]:
        there = order.to(self.labels.device)  # at once: batch by batch the host would wait for the device
        for start, stop in cuts:
            where = slice(start + rank, stop, ranks)
            widths = self.lengths[:, order[where]].amax(1).tolist()
            yield self.source.padded(there[where], widths[0]), self.target.padded(there[where], widths[1])
