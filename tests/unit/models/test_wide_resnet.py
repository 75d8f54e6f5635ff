import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d
from timm.models.resnetv2 import DownsampleConv, PreActBasic
from torch import Tensor, nn

import lets.models
from lets.models.wide_resnet import PreActivationBlock


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(8, 8, 1), (8, 16, 1), (8, 16, 2), (8, 8, 2)])
def test_block_is_timms_pre_activation_block(inputs: int, outputs: int, stride: int) -> None:
    torch.manual_seed(0)
    ours = PreActivationBlock(inputs, outputs, stride).double()
    norm = partial(BatchNormAct2d, act_layer=nn.ReLU)
    plain_conv = partial(nn.Conv2d, bias=False)

    def conv(i: int, o: int, k: int, stride: int = 1, **_: object) -> nn.Conv2d:
        return plain_conv(i, o, k, stride=stride, padding=k // 2)

    theirs = PreActBasic(
        inputs,
        outputs,
        stride=stride,
        conv_layer=conv,
        norm_layer=norm,
        proj_layer=partial(DownsampleConv, preact=True),
    ).double()
    weights = {
        name.replace("shortcut", "downsample.conv").replace("bn", "norm"): w
        for name, w in ours.state_dict().items()
    }
    theirs.load_state_dict(weights)
    x = torch.randn(3, inputs, 7, 7, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)


def straight_line(weights: dict[str, Tensor], x: Tensor, blocks_per_group: int) -> Tensor:
    """A wide residual network in evaluation mode, written out."""

    def normalise(name: str, x: Tensor) -> Tensor:
        mean, var, scale, shift = (
            weights[f"{name}.{key}"].view(-1, 1, 1)
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    x = F.conv2d(x, weights["stem.weight"], padding=1)
    for group in range(3):
        for block in range(blocks_per_group):
            at = f"groups.{group}.{block}"
            stride = 2 if group > 0 and block == 0 else 1
            active = normalise(f"{at}.bn1", x).clamp(min=0)
            out = F.conv2d(active, weights[f"{at}.conv1.weight"], padding=1, stride=stride)
            out = F.conv2d(normalise(f"{at}.bn2", out).clamp(min=0), weights[f"{at}.conv2.weight"], padding=1)
            x = out + (F.conv2d(active, weights[f"{at}.shortcut.weight"], stride=stride) if block == 0 else x)
    features = normalise("bn", x).clamp(min=0).mean((2, 3))
    return features @ weights["head.weight"].T + weights["head.bias"]


def test_wrn28_10_written_out() -> None:
    torch.manual_seed(0)
    network = lets.models.create("wrn28-10")
    with torch.no_grad():
        x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
        network(torch.randn(2, 3, 32, 32))  # moves the running statistics
        network.double().eval()
        torch.testing.assert_close(
            network(x), straight_line(network.state_dict(), x, 4), rtol=1e-9, atol=1e-9
        )


def test_initial_weights() -> None:
    torch.manual_seed(0)
    network = lets.models.create("wrn28-10")
    weight = network.groups[2][1].conv1.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 640)), rel=1e-2)
    assert network.groups[1][0].shortcut.weight.std().item() == pytest.approx(math.sqrt(2 / 320), rel=2e-2)
    assert not network.head.bias.any()
