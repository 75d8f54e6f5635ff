"""The architectures of the paper and their small versions: one row each, and how to build one. Imports no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from lets.errors import SpecError, no_such

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ARCHITECTURES", "PAIR", "TOKENS", "ArchitectureInfo", "create", "describe", "names"]

TOKENS = 128
"""a text for which the cost is told: about the longest of most tasks of GLUE"""

PAIR = (25, 25)
"""tokens of the sentence pair for which that of a translation is told: about the mean of IWSLT'14"""

CIFAR = (3, 32, 32)
DIGITS = (1, 8, 8)


@dataclass(frozen=True)
class ArchitectureInfo:
    """One row of the catalogue.

    `builder` is the "module:function" that takes `classes`, `image` and the `arguments`. `paper` cites its
    origin. `classes` and `image` (channels, height, width; of text, the size of its vocabulary) are those of the
    data it is usually trained on, and its cost is told for.

    `pretrained` is the repository whose weights it starts from, and whose tokenizer reads its texts; without
    one the weights are random, and the tokenizer is the one that was trained on the data set.
    """

    name: str
    title: str
    family: str
    paper: str
    builder: str
    arguments: Mapping[str, Any] = field(hash=False)
    classes: int
    image: tuple[int, ...]
    pretrained: str


def _row(family: str, paper: str, builder: str) -> Callable[..., ArchitectureInfo]:
    """Make the rows of one family."""

    def row(
        name: str,
        title: str,
        image: tuple[int, ...] = CIFAR,
        classes: int = 10,
        pretrained: str = "",
        **arguments: Any,
    ) -> ArchitectureInfo:
        return ArchitectureInfo(name, title, family, paper, builder, arguments, classes, image, pretrained)

    return row


_HE = "He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv 1512.03385)"
_resnet = _row("resnet", _HE, "lets.models.resnet:ResNet")
_resnet50 = _row("resnet", _HE, "lets.models.resnet:resnet50")
_wide_resnet = _row(
    "wide-resnet",
    "Zagoruyko and Komodakis, Wide Residual Networks, BMVC 2016 (arXiv 1605.07146)",
    "lets.models.wide_resnet:WideResNet",
)
_pyramidnet = _row(
    "pyramidnet",
    "Han et al., Deep Pyramidal Residual Networks, CVPR 2017 (arXiv 1610.02915)",
    "lets.models.pyramidnet:PyramidNet",
)
_vit = _row(
    "vit",
    "Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021 (arXiv 2010.11929)",
    "lets.models.vit:vit",
)
_transformer = _row(
    "transformer",
    "Vaswani et al., Attention Is All You Need, NeurIPS 2017 (arXiv 1706.03762)",
    "lets.models.transformer:Transformer",
)
_deberta = _row(
    "deberta",
    "He et al., DeBERTa: Decoding-enhanced BERT, ICLR 2021 (arXiv 2006.03654)",
    "lets.models.deberta:Deberta",
)

# The small versions are sized by measurement: about 4 ms a pass (batch 128, one core), 96-98 % on digits in
# 12 epochs. A stem of stride 2 halves the cost of the convolutional ones.
_ROWS = (
    _resnet("resnet18", "ResNet-18", widths=(64, 128, 256, 512), blocks=(2, 2, 2, 2), shortcut="projection"),
    _resnet("resnet32", "ResNet-32", widths=(16, 32, 64), blocks=(5, 5, 5), shortcut="padding"),
    _resnet("resnet8", "ResNet-8", widths=(16, 32, 64), blocks=(1, 1, 1), shortcut="projection"),
    _resnet(
        "resnet8-stride2",
        "ResNet-8 (stem of stride 2)",
        widths=(16, 32, 64),
        blocks=(1, 1, 1),
        shortcut="projection",
        stem_stride=2,
    ),
    _wide_resnet("wrn28-10", "WideResNet-28-10", depth=28, widen=10),
    _pyramidnet("pyramidnet110", "PyramidNet-110", depth=110, alpha=270),
    # "16" is only a name: on 32×32 images the patches are 4×4
    _vit("vit-s16", "ViT-S16", patch=4, width=384, depth=12, heads=6, dropout=0.1),
    _resnet50("resnet50", "ResNet-50", image=(3, 224, 224), classes=1000),
    _resnet(
        "resnet-small",
        "ResNet (small)",
        DIGITS,
        widths=(8, 16, 32),
        blocks=(1, 1, 1),
        shortcut="projection",
        stem_stride=2,
    ),
    _wide_resnet("wrn-small", "WideResNet (small)", DIGITS, depth=10, widen=2, base=8, stem_stride=2),
    _pyramidnet("pyramidnet-small", "PyramidNet (small)", DIGITS, depth=8, alpha=24, stem=8, stem_stride=2),
    _vit("vit-small", "ViT (small)", DIGITS, patch=4, width=48, depth=2, heads=3, dropout=0.0),
    _transformer(
        "transformer",
        "Transformer",
        (10_240,),
        classes=0,
        width=512,
        heads=4,
        hidden=1024,
        depth=6,
        dropout=0.3,
    ),
    _transformer(
        "transformer-small",
        "Transformer (small)",
        (4_096,),
        classes=0,
        width=128,
        heads=4,
        hidden=256,
        depth=2,
        dropout=0.1,
    ),
    _transformer(
        "transformer-tiny",
        "Transformer (tiny)",
        (1_024,),
        classes=0,
        width=64,
        heads=4,
        hidden=128,
        depth=1,
        dropout=0.0,
    ),
    _deberta(
        "deberta-base",
        "DeBERTa-base",
        (50_265,),
        classes=2,
        pretrained="microsoft/deberta-base",
        width=768,
        depth=12,
        heads=12,
        longest=512,
        dropout=0.1,
    ),
    _deberta(
        "deberta-small",
        "DeBERTa (small)",
        (4_000,),
        classes=2,
        width=64,
        depth=2,
        heads=4,
        longest=256,
        dropout=0.1,
    ),
    _deberta(
        "deberta-tiny",
        "DeBERTa (tiny)",
        (4_000,),
        classes=2,
        width=32,
        depth=1,
        heads=2,
        longest=64,
        dropout=0.0,
    ),
)

ARCHITECTURES: dict[str, ArchitectureInfo] = {row.name: row for row in _ROWS}


def names() -> list[str]:
    """The names of all architectures."""
    return list(ARCHITECTURES)


def describe(name: str) -> ArchitectureInfo:
    """The catalogue's row for `name`; an unknown name raises SpecError with near names."""
    if name not in ARCHITECTURES:
        raise no_such("architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name]


def create(name: str, classes: int = 10, image: tuple[int, ...] = (3, 32, 32)) -> "nn.Module":
    """Build a freshly initialised network that maps images [N, *image] to logits [N, classes].

    `image` is (channels, height, width). Of a network for texts it is (tokens of the vocabulary,), and it maps
    ids [N, L]; it is random as well, pretrained weights are put into it afterwards. The weights are drawn from
    torch's global generator: seed it first. Raises SpecError for an unknown name, or an image that the network
    cannot take.
    """
    info = describe(name)
    if classes < min(1, info.classes) or len(image) != len(info.image) or min(image) < 1:
        shape = "(channels, height, width)" if len(info.image) == 3 else "(tokens of the vocabulary,)"
        raise SpecError(
            f"classes={classes}, image={image} – want at least {min(1, info.classes)} classes and {shape} – "
            f'write  lets.models.create("{name}", classes={info.classes}, image={info.image})'
        )
    network: nn.Module = resolve_name(info.builder)(classes, image, **info.arguments)
    return network
