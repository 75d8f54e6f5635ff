"""Counts against sums written out here, layer by layer; a multiply-add is two operations."""

from itertools import pairwise

import pytest
import torch

import lets.models
from lets.errors import SpecError
from lets.models.catalogue import ARCHITECTURES
from lets.models.costs import Cost, cost, count

CIFAR = (3, 32, 32)


def conv(side: int, inputs: int, outputs: int, kernel: int = 3) -> int:
    """Multiply-adds of a convolution whose output is side × side."""
    return side * side * outputs * inputs * kernel * kernel


def test_resnet18_convolution_by_convolution() -> None:
    stem = conv(32, 3, 64)
    first = 4 * conv(32, 64, 64)
    later = sum(
        conv(side, width // 2, width) + 3 * conv(side, width, width) + conv(side, width // 2, width, 1)
        for side, width in ((16, 128), (8, 256), (4, 512))
    )
    products = stem + first + later + 512 * 10
    assert products == 555_422_720  # the 0.56 GMAC that is quoted everywhere
    assert cost("resnet18", 10, CIFAR) == Cost(11_173_962, 2 * products)


def test_resnet32_has_shortcuts_without_arithmetic() -> None:
    products = conv(32, 3, 16) + 10 * conv(32, 16, 16) + 640
    products += conv(16, 16, 32) + 9 * conv(16, 32, 32) + conv(8, 32, 64) + 9 * conv(8, 64, 64)
    assert cost("resnet32", 10, CIFAR).flops == 2 * products


def test_wide_resnet() -> None:
    products = conv(32, 3, 16) + 640 * 100
    for side, inputs, width in ((32, 16, 160), (16, 160, 320), (8, 320, 640)):
        products += conv(side, inputs, width) + 7 * conv(side, width, width) + conv(side, inputs, width, 1)
    assert cost("wrn28-10", 100, CIFAR) == Cost(36_536_884, 2 * products)


def test_pyramidnet() -> None:
    products, widths = conv(32, 3, 16) + 286 * 10, range(16, 287, 5)
    for block, (inputs, outputs) in enumerate(pairwise(widths)):
        side = 32 >> (block // 18)
        products += conv(side, inputs, outputs) + conv(side, outputs, outputs)
    assert cost("pyramidnet110", 10, CIFAR).flops == 2 * products


def test_resnet50_at_224() -> None:
    """4.09 GMAC: torchvision's own page prints 4.09 GFLOPS for these weights, counting a multiply-add as one."""
    products = conv(112, 3, 64, 7) + 2048 * 1000
    inputs, before = 64, 56
    for side, width, blocks in ((56, 64, 3), (28, 128, 4), (14, 256, 6), (7, 512, 3)):
        products += conv(side, inputs, 4 * width, 1)
        for block in range(blocks):
            entrance = before if block == 0 else side  # torchvision strides in the 3×3 convolution
            products += conv(entrance, inputs if block == 0 else 4 * width, width, 1)
            products += conv(side, width, width) + conv(side, width, 4 * width, 1)
        inputs, before = 4 * width, side
    assert products == pytest.approx(4.09e9, rel=1e-3)
    assert cost("resnet50", 1000, (3, 224, 224)) == Cost(25_557_032, 2 * products)


@pytest.mark.parametrize(
    ("name", "image", "width", "depth"), [("vit-s16", CIFAR, 384, 12), ("vit-small", (1, 8, 8), 48, 2)]
)
def test_vit_with_its_attention(name: str, image: tuple[int, int, int], width: int, depth: int) -> None:
    channels, side, _ = image
    patches = (side // 4) ** 2
    tokens = patches + 1
    linear = (
        tokens * (3 + 1 + 4 + 4) * width * width
    )  # queries, keys, values; projection; hidden layer, twice
    attention = 2 * tokens * tokens * width  # q·k and weights·v, all heads together
    products = patches * 16 * channels * width + depth * (linear + attention) + width * 10
    assert cost(name, 10, image).flops == 2 * products


@pytest.mark.parametrize(("name", "width", "depth"), [("deberta-base", 768, 12), ("deberta-small", 64, 2)])
def test_deberta_reads_a_text_of_128_tokens(name: str, width: int, depth: int) -> None:
    tokens, positions = 128, 2 * 128
    linear = tokens * (3 + 1 + 4 + 4) * width**2 + positions * (1 + 1) * width**2
    attention = 2 * tokens * tokens * width + 2 * tokens * positions * width  # by content, by position
    products = depth * (linear + attention) + width**2 + width * 2
    assert cost(name, 2, ARCHITECTURES[name].image).flops == 2 * products


@pytest.mark.parametrize("name", [name for name in lets.models.names() if name.endswith("-small")])
def test_parameters_are_those_of_the_network_that_is_trained(name: str) -> None:
    info = ARCHITECTURES[name]
    network = lets.models.create(name, info.classes, info.image)
    counted = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    assert cost(name, info.classes, info.image).parameters == counted


def test_twice_the_side_four_times_the_convolutions() -> None:
    head = 2 * 512 * 10
    small, large = (cost("resnet18", 10, (3, side, side)).flops - head for side in (32, 64))
    assert large == 4 * small


def test_counting_draws_no_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    count("vit-small", 10, (1, 8, 8))
    assert torch.equal(torch.rand(3), expected)


def test_impossible_images_are_refused_as_by_create() -> None:
    with pytest.raises(SpecError, match="not divisible into 4×4 patches"):
        cost("vit-s16", 10, (3, 30, 32))


def test_other_shapes_are_counted_when_asked_for() -> None:
    assert cost("vit-small", 7, (1, 8, 8)) == count("vit-small", 7, (1, 8, 8))


def test_a_stem_of_stride_2_leaves_a_quarter_of_the_convolutions() -> None:
    whole, part, head = cost("resnet8", 10, CIFAR), cost("resnet8-stride2", 10, CIFAR), 2 * 640
    assert part == Cost(whole.parameters, (whole.flops - head) // 4 + head)
