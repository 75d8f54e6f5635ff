"""Batches of labelled texts, made on the training device from token ids that stay there."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from lets.data.loader import Loader
from lets.data.tokenizing import Tokens
from lets.errors import SpecError

__all__ = ["PAD", "Sentences"]

PAD = 0
"""the id that fills a batch up, [PAD] of every vocabulary"""


class Sentences(Loader):
    """Shuffled batches of the texts `tokens` with `labels` [N], int64 classes or float32 scores.

    Inputs are ids int64 [B, L], L the longest of the batch; shorter texts end in PAD, an id that no text
    contains. `size` is (L, L) of the longest text of all, for attention compares each token with each.
    """

    def __init__(
        self,
        tokens: Tokens,
        labels: Tensor,
        *,
        batch_size: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        _check(tokens, labels)
        longest = int(tokens.lengths.max())
        super().__init__(
            labels,
            (longest, longest),
            batch_size=batch_size,
            seed=seed,
            device=device,
            rank=rank,
            ranks=ranks,
        )
        self.lengths = tokens.lengths  # on the CPU: how wide a batch is must not wait for the device
        self.ids = tokens.ids.to(device)
        self.starts = (tokens.lengths.cumsum(0) - tokens.lengths).to(device)
        self.there = tokens.lengths.to(device)

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
            yield self._padded(index, width), self.labels[index]

    def _padded(self, index: Tensor, width: int) -> Tensor:
        columns = torch.arange(width, device=index.device)
        inside = columns < self.there[index].unsqueeze(1)
        where = torch.where(inside, self.starts[index].unsqueeze(1) + columns, 0)
        return torch.where(inside, self.ids[where].long(), PAD)


def _check(tokens: Tokens, labels: Tensor) -> None:
    texts, known = len(tokens.lengths), len(tokens.ids)
    if not texts or labels.shape != (texts,) or known != int(tokens.lengths.sum()):
        raise SpecError(
            f"{known} ids, lengths of {texts} texts, labels {tuple(labels.shape)} – want one label for each text, "
            "and ids as many as the lengths say – see lets.data.tokenizing.encode"
        )
