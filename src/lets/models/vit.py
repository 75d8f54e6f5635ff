"""Vision transformer for small images (Dosovitskiy et al. 2021, arXiv 2010.11929)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lets.errors import SpecError

__all__ = ["EncoderBlock", "SelfAttention", "VisionTransformer"]


class SelfAttention(nn.Module):
    """Multi-head self-attention; `dropout` acts on the attention weights."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, tokens, width] → [N, tokens, width]."""
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        out: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return out


class EncoderBlock(nn.Module):
    """Layer norm and attention, layer norm and a GELU network of one hidden layer, each around a shortcut."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = SelfAttention(width, heads, dropout)
        self.drop = nn.Dropout(dropout)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, tokens, width] → [N, tokens, width]."""
        x = x + self.drop(self.attention(self.norm1(x)))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class VisionTransformer(nn.Module):
    """Patches of `patch`² pixels and a class token pass `depth` pre-norm blocks; the token is classified.

    Linear layers start from Xavier's uniform with zero bias, positions from N(0, 0.02²), class token and head
    from zero. A `patch` that does not divide the image raises SpecError.
    """

    def __init__(
        self,
        classes: int,
        image: tuple[int, int, int],
        *,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        channels, height, breadth = image
        if height % patch or breadth % patch:
            raise SpecError(
                f"image {height}×{breadth}: not divisible into {patch}×{patch} patches – crop or pad it first"
            )
        tokens = (height // patch) * (breadth // patch) + 1
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, tokens, width) * 0.02)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(EncoderBlock(width, heads, 4 * width, dropout) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.apply(initialise)
        self.head = nn.Linear(width, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, C, H, W] → logits [N, classes]."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        logits: Tensor = self.head(self.norm(self.blocks(self.drop(x)))[:, 0])
        return logits


def initialise(module: nn.Module) -> None:
    """Start a linear layer from Xavier's uniform, zero bias; other layers keep PyTorch's defaults."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
