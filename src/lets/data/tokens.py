"""Many texts as token ids, one after the other, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import torch
from torch import Tensor

__all__ = ["PAD", "Tokens"]

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
