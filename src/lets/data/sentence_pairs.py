"""Batches of sentence pairs of similar length, padded on the training device."""

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from lets.data.loader import Loader
from lets.data.translation import Pairs
from lets.errors import SpecError

__all__ = ["SentencePairs"]


class SentencePairs(Loader):
    """Batches (source int64 [B, S], target int64 [B, T]) of `pairs`; sentences end with EOS, then comes PAD.

    `batch_size` counts tokens, not pairs: a batch has as many pairs as fit, each as long as its longest
    sentence in either language (so does fairseq's --max-tokens). Pairs are sorted by the length of the target,
    then of the source, and cut into batches there; every epoch shuffles the batches, and pairs of equal
    lengths among each other. How many batches there are, and how large each one is, therefore never changes.

    `labels` are the lengths of the targets, int64 [N]; `size` is (longest sentence,).
    """

    def __init__(
        self,
        pairs: Pairs,
        *,
        batch_size: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.lengths = torch.stack([pairs.source.lengths, pairs.target.lengths])
        super().__init__(
            pairs.target.lengths,
            (int(self.lengths.max()),),
            batch_size=batch_size,
            seed=seed,
            device=device,
            rank=rank,
            ranks=ranks,
        )
        self.source, self.target = pairs.source.to(device), pairs.target.to(device)

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
