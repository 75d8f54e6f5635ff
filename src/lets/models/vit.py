"""Vision transformer for small images (Dosovitskiy et al. 2021, arXiv 2010.11929), as timm builds it."""

from timm.models.vision_transformer import VisionTransformer
from torch import nn

from lets.errors import SpecError

__all__ = ["vit"]


def vit(
    classes: int,
    image: tuple[int, int, int],
    *,
    patch: int,
    width: int,
    depth: int,
    heads: int,
    dropout: float,
) -> nn.Module:
    """Build timm's transformer: patches of `patch`² pixels and a class token pass `depth` pre-norm blocks.

    `dropout` acts on the sum of patches and positions, on the attention weights, and after every linear
    layer of a block but the one that makes queries, keys and values. Weights start as in the authors' code
    (timm's "jax"): linear layers from Xavier's uniform, patches from LeCun's truncated normal, positions
    from N(0, 0.02²), the head from zero; class token and biases of the hidden layers from N(0, 10⁻¹²), all
    other biases from zero. A `patch` that does not divide the image raises SpecError.
    """
    channels, height, breadth = image
    if height % patch or breadth % patch:
        raise SpecError(
            f"image {height}×{breadth}: not divisible into {patch}×{patch} patches – crop or pad it first"
        )
    network: nn.Module = VisionTransformer(
        img_size=(height, breadth),
        patch_size=patch,
        in_chans=channels,
        num_classes=classes,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        pos_drop_rate=dropout,
        proj_drop_rate=dropout,
        attn_drop_rate=dropout,
        weight_init="jax",
    )
    return network
