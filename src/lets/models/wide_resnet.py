"""Wide residual networks with pre-activation blocks (Zagoruyko & Komodakis 2016, arXiv 1605.07146)."""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PreActivationBlock", "WideResNet"]


class PreActivationBlock(nn.Module):
    """BN, ReLU, 3×3 convolution, twice, around a shortcut; no dropout.

    Where the number of channels changes, a strided 1×1 convolution of the *activated* input is the shortcut.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        same_shape = stride == 1 and inputs == outputs
        self.shortcut = None if same_shape else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, ⌈H/stride⌉, ⌈W/stride⌉]."""
        active = F.relu(self.bn1(x))
        out: Tensor = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return out + (x if self.shortcut is None else self.shortcut(active))


class WideResNet(nn.Module):
    """WRN-`depth`-`widen`: a stem, three groups of (depth-4)/6 blocks, global average pool, linear head.

    The stem has `base` channels, the groups base·widen·(1, 2, 4). Convolutions start from
    N(0, 2/(k²·outputs)), the head's bias from zero.
    """

    def __init__(
        self,
        classes: int,
        image: tuple[int, int, int],
        *,
        depth: int,
        widen: int,
        base: int = 16,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(image[0], base, 3, stride=stem_stride, padding=1, bias=False)
        groups, inputs = [], base
        for index in range(3):
            width = base * widen * 2**index
            group = []
            for block in range((depth - 4) // 6):
                group.append(PreActivationBlock(inputs, width, stride=2 if index and block == 0 else 1))
                inputs = width
            groups.append(nn.Sequential(*group))
        self.groups = nn.Sequential(*groups)
        self.bn = nn.BatchNorm2d(inputs)
        self.head = nn.Linear(inputs, classes)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, C, H, W] → logits [N, classes]."""
        x = F.relu(self.bn(self.groups(self.stem(x))))
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


def initialise(module: nn.Module) -> None:
    """Start one layer: convolutions from He et al.'s fan-out normal, linear biases from zero."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
