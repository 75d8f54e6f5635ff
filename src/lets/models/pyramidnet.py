"""Deep pyramidal residual networks (Han et al. 2017, arXiv 1610.02915): each block is wider."""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PyramidBlock", "PyramidNet"]


class PyramidBlock(nn.Module):
    """BN, 3×3 convolution, BN, ReLU, 3×3 convolution, BN, around a parameter-free shortcut.

    The shortcut averages 2×2 windows where the stride is 2 (the last may hang over the border) and appends
    zero channels.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.extra = outputs - inputs
        self.stride = stride
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, ⌈H/stride⌉, ⌈W/stride⌉]."""
        out: Tensor = self.bn3(self.conv2(F.relu(self.bn2(self.conv1(self.bn1(x))))))
        if self.stride > 1:
            x = F.avg_pool2d(x, self.stride, ceil_mode=True)
        return out + F.pad(x, (0, 0, 0, 0, 0, self.extra))


class PyramidNet(nn.Module):
    """PyramidNet-`depth` with widening `alpha`: three stages of (depth-2)/6 basic blocks, no ShakeDrop.

    Block k of the 3n blocks has round(stem + k·alpha/3n) channels (additive widening). Convolutions start
    from N(0, 2/(9·outputs)).
    """

    def __init__(
        self,
        classes: int,
        image: tuple[int, int, int],
        *,
        depth: int,
        alpha: int,
        stem: int = 16,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(image[0], stem, 3, stride=stem_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        per_stage = (depth - 2) // 6
        widths = [round(stem + k * alpha / (3 * per_stage)) for k in range(3 * per_stage + 1)]
        strides = [2 if k in (per_stage, 2 * per_stage) else 1 for k in range(3 * per_stage)]
        self.blocks = nn.Sequential(*map(PyramidBlock, widths[:-1], widths[1:], strides))
        self.bn2 = nn.BatchNorm2d(widths[-1])
        self.head = nn.Linear(widths[-1], classes)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, C, H, W] → logits [N, classes]."""
        x = self.blocks(self.bn1(self.conv1(x)))
        logits: Tensor = self.head(F.relu(self.bn2(x)).mean((2, 3)))
        return logits


def initialise(module: nn.Module) -> None:
    """Start a convolution from He et al.'s fan-out normal; other layers keep PyTorch's defaults."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
