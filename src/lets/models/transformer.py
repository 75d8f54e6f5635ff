"""The encoder-decoder Transformer for translation (Vaswani et al. 2017, arXiv 1706.03762), of torch's layers."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lets.errors import SpecError

__all__ = ["Transformer"]

PAD = 0


class Transformer(nn.Module):
    """Maps source ids [B, S] and target ids [B, T] to logits [B, T, vocabulary] of the token after each one.

    Id 0 is padding, behind a sentence. Layers are post-norm, positions sinusoidal; embeddings are scaled by
    √width, those of the decoder are its output matrix as well, those of the encoder are its own: fairseq's
    transformer_iwslt_de_en. As there, `dropout` acts on the embedded input and on what each attention and each
    feed-forward block adds, but neither on attention weights nor inside a feed-forward block.

    Embeddings start from N(0, 1/width), that of PAD from 0, every matrix from Xavier's uniform (queries, keys
    and values as one matrix, which is fairseq's gain 1/√2), every bias from 0.
    """

    def __init__(
        self,
        classes: int,
        image: tuple[int, ...],
        *,
        width: int,
        heads: int,
        hidden: int,
        depth: int,
        dropout: float,
    ) -> None:
        super().__init__()
        if classes:
            raise SpecError(
                f"classes={classes} – a translation has no classes – write  classes=0, image=(vocabulary,)"
            )
        (vocabulary,) = image
        self.source = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.target = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        layer = {"nhead": heads, "dim_feedforward": hidden, "dropout": dropout, "batch_first": True}
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(width, **layer),  # type: ignore[arg-type]
            depth,
            enable_nested_tensor=False,
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(width, **layer),  # type: ignore[arg-type]
            depth,
        )
        self.apply(_initialise)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits [B, T, vocabulary]: at each position of the token that follows, given those up to there."""
        return F.linear(self._decode(target, *self.encode(source)), self.target.weight)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """What the decoder attends to, [B, S, width], and which of it is padding, bool [B, S]."""
        padding = source == PAD
        return self.encoder(self._embed(self.source, source), src_key_padding_mask=padding), padding

    def next_logits(self, target: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        """Logits [B, vocabulary] of the token after the last one of `target` [B, T], given what was encoded."""
        return F.linear(self._decode(target, memory, padding)[:, -1], self.target.weight)

    def _decode(self, target: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        # Padding of the target needs no mask: it stands behind all that looks at earlier tokens only.
        future = torch.ones(2 * target.shape[1:], dtype=torch.bool, device=target.device).triu(1)
        decoded: Tensor = self.decoder(
            self._embed(self.target, target),
            memory,
            tgt_mask=future,
            tgt_is_causal=True,
            memory_key_padding_mask=padding,
        )
        return decoded

    def _embed(self, embedding: nn.Embedding, ids: Tensor) -> Tensor:
        width = embedding.embedding_dim
        positions = _positions(ids.shape[1], width, ids.device)
        embedded: Tensor = self.dropout(math.sqrt(width) * embedding(ids) + positions)
        return embedded


def _positions(length: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines of 10⁴ ^ (−2i/width) · position, side by side (§3.5), [length, width]."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000) / width))
    angles = torch.arange(length, device=device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)
        with torch.no_grad():
            module.weight[PAD].zero_()
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.MultiheadAttention):
        nn.init.xavier_uniform_(module.in_proj_weight)
        module.dropout = 0.0
    elif isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
        module.dropout.p = 0.0  # inside the feed-forward block
