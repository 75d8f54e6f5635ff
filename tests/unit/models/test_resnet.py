import torch
import torch.nn.functional as F
import torchvision.models.resnet as reference
from torch import Tensor, nn

import lets.models
from lets.models.resnet import PaddedShortcut


def copy_in_order(source: nn.Module, target: nn.Module) -> None:
    """Copy every parameter and buffer by position; both list them in the same order."""
    values = list(source.state_dict().values())
    assert [v.shape for v in values] == [v.shape for v in target.state_dict().values()]
    target.load_state_dict(dict(zip(target.state_dict(), values, strict=True)))


def shake(network: nn.Module) -> nn.Module:
    """Give batch normalisation something to do."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight, module.running_var):
                nn.init.uniform_(value, 0.5, 1.5)
            for value in (module.bias, module.running_mean):
                nn.init.uniform_(value, -0.5, 0.5)
    return network.double()


def same_outputs(ours: nn.Module, theirs: nn.Module, image: tuple[int, int, int]) -> None:
    x = torch.randn(4, *image, dtype=torch.float64)
    for training in (False, True):
        torch.testing.assert_close(ours.train(training)(x), theirs.train(training)(x), rtol=1e-10, atol=1e-10)


def test_resnet18_is_torchvisions_without_its_large_stem() -> None:
    torch.manual_seed(0)
    ours = shake(lets.models.create("resnet18"))
    theirs = reference.ResNet(reference.BasicBlock, [2, 2, 2, 2], num_classes=10)
    theirs.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    theirs.maxpool = nn.Identity()
    theirs.double()
    copy_in_order(ours, theirs)
    same_outputs(ours, theirs, (3, 32, 32))


class OptionA(nn.Module):
    """He et al.'s parameter-free shortcut in a loop over channels."""

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        out = x.new_zeros(n, 2 * channels, height // 2, width // 2)
        for c in range(channels):
            out[:, c + channels // 2] = F.avg_pool2d(x[:, c], kernel_size=1, stride=2)
        return out


def test_resnet32_is_fifteen_of_torchvisions_blocks() -> None:
    torch.manual_seed(1)
    ours = shake(lets.models.create("resnet32"))
    blocks, inputs = [], 16
    for width in (16, 32, 64):
        for _ in range(5):
            change = OptionA() if width != inputs else None
            blocks.append(reference.BasicBlock(inputs, width, 2 if change else 1, change))
            inputs = width
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    head = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, 10))
    theirs = nn.Sequential(stem, *blocks, head).double()
    copy_in_order(ours, theirs)
    same_outputs(ours, theirs, (3, 32, 32))


def test_padded_shortcut_on_odd_sizes() -> None:
    out = PaddedShortcut(1, 4, 2)(torch.arange(9.0).view(1, 1, 3, 3))
    assert out.tolist() == [[[[0, 0], [0, 0]], [[0, 2], [6, 8]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]]


def test_small_version_halves_the_image_in_its_stem() -> None:
    network = lets.models.create("resnet-small", image=(1, 8, 8)).eval()
    sizes = [network.conv1(torch.zeros(1, 1, 8, 8)).shape]
    for stage in network.stages:
        sizes.append(stage(torch.zeros(sizes[-1])).shape)
    assert [tuple(size[1:]) for size in sizes] == [(8, 4, 4), (8, 4, 4), (16, 2, 2), (32, 1, 1)]
