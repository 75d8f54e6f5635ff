"""Residual networks (He et al. 2015, arXiv 1512.03385): ours for small images, torchvision's ResNet-50 for large."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from lets.errors import SpecError

__all__ = ["BasicBlock", "PaddedShortcut", "ResNet", "Shortcut", "resnet50"]

Shortcut = Literal["projection", "padding"]


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """Bias-free 3×3 convolution that keeps the image size at stride 1."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


class PaddedShortcut(nn.Module):
    """Option A of He et al. §3.3: subsample the image and append zero channels; no parameters."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.extra = outputs - inputs
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, ⌈H/stride⌉, ⌈W/stride⌉]; half of the zeros before, half after."""
        before = self.extra // 2
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.extra - before))


def projection(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Option B of He et al. §3.3: a strided 1×1 convolution, then batch normalisation."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions, each followed by batch normalisation, around a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        same_shape = stride == 1 and inputs == outputs
        change = projection if shortcut == "projection" else PaddedShortcut
        self.shortcut: nn.Module = nn.Identity() if same_shape else change(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, ⌈H/stride⌉, ⌈W/stride⌉]."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class ResNet(nn.Module):
    """3×3 stem, stages of basic blocks (stride 2 from the second stage on), global average pool, linear head.

    `widths` and `blocks` give the channels and the number of blocks of each stage; the stem is as wide as the
    first. Weights start from PyTorch's defaults, as in the code that the paper's baselines come from.
    """

    def __init__(
        self,
        classes: int,
        image: tuple[int, int, int],
        *,
        widths: Sequence[int],
        blocks: Sequence[int],
        shortcut: Shortcut,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        self.conv1 = conv3x3(image[0], widths[0], stem_stride)
        self.bn1 = nn.BatchNorm2d(widths[0])
        stages, inputs = [], widths[0]
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            strides = [1 if index == 0 else 2] + [1] * (count - 1)
            stage = []
            for stride in strides:
                stage.append(BasicBlock(inputs, width, stride, shortcut))
                inputs = width
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, C, H, W] → logits [N, classes]."""
        x = F.relu(self.bn1(self.conv1(x)))
        logits: Tensor = self.head(self.stages(x).mean((2, 3)))
        return logits


def resnet50(classes: int, image: tuple[int, int, int]) -> nn.Module:
    """Build torchvision's ResNet-50 without trained weights; images other than RGB raise SpecError."""
    if image[0] != 3:
        raise SpecError(
            f"image {image} – resnet50 takes RGB images – use resnet18, or repeat the channel three times"
        )
    # Here, because torchvision takes a second to import, which the small networks have no need of.
    from torchvision.models import resnet50 as torchvision_resnet50

    network: nn.Module = torchvision_resnet50(weights=None, num_classes=classes)
    return network
