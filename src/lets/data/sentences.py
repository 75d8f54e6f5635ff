"""Batches of labelled texts, made on the training device from token ids that stay there."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from lets.data.loader import Loader
from lets.data.tokens import Tokens
from lets.errors import SpecError

__all__ = ["Sentences"]


class Sentences(Loader):
    """Shuffled batches of the texts `tokens` with `labels` [N], int64 classes or float32 scores.

    Inputs are ids int64 [B, L], L the longest of the batch; shorter texts end in PAD.
    `size` is (L, L) of the longest text of all, for attention compares each token with each.
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
        self.tokens = tokens.to(device)

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
            "and ids up to the last end – see lets.data.tokenizing.encode"
        )
