import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lets.models
from lets.models.pyramidnet import PyramidBlock


def straight_line(network: nn.Module, x: Tensor, strides: list[int]) -> Tensor:
    """A pyramidal network in evaluation mode, written out, its shortcut in loops."""
    weights = network.state_dict()

    def normalise(name: str, x: Tensor) -> Tensor:
        keys = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(weights[f"{name}.{key}"] for key in keys), training=False, eps=1e-5)

    x = normalise("bn1", F.conv2d(x, weights["conv1.weight"], padding=1))
    for index, stride in enumerate(strides):
        at = f"blocks.{index}"
        out = F.conv2d(normalise(f"{at}.bn1", x), weights[f"{at}.conv1.weight"], padding=1, stride=stride)
        out = F.conv2d(normalise(f"{at}.bn2", out).clamp(min=0), weights[f"{at}.conv2.weight"], padding=1)
        out = normalise(f"{at}.bn3", out)
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                window = x[:, :, stride * i : stride * (i + 1), stride * j : stride * (j + 1)]
                out[:, : x.shape[1], i, j] += window.mean((2, 3))
        x = out
    features = normalise("bn2", x).clamp(min=0).mean((2, 3))
    return features @ weights["head.weight"].T + weights["head.bias"]


@pytest.mark.parametrize(
    ("name", "image", "strides"),
    [
        ("pyramidnet110", (3, 8, 8), [1] * 18 + [2] + [1] * 17 + [2] + [1] * 17),
        (
            "pyramidnet-small",
            (1, 10, 10),
            [1, 2, 2],
        ),  # 5×5 after the stem: the last window hangs over the border
    ],
)
def test_written_out(name: str, image: tuple[int, int, int], strides: list[int]) -> None:
    torch.manual_seed(0)
    network = lets.models.create(name, image=image)
    if name.endswith("small"):
        network.conv1.stride = (1, 1)
        image = (1, 5, 5)
    with torch.no_grad():
        network(torch.randn(8, *image))  # moves the running statistics
        network.double().eval()
        x = torch.randn(2, *image, dtype=torch.float64)
        torch.testing.assert_close(network(x), straight_line(network, x, strides), rtol=1e-9, atol=1e-9)


def test_widths_grow_by_five() -> None:
    blocks = lets.models.create("pyramidnet110").blocks
    assert [block.conv2.out_channels for block in blocks] == list(range(21, 287, 5))


def test_shortcut_appends_zero_channels_at_the_end() -> None:
    block = PyramidBlock(2, 5, stride=2)
    nn.init.zeros_(block.bn3.weight)
    x = torch.arange(32.0).view(1, 2, 4, 4)
    out = block(x)
    assert out[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert out[0, 1].tolist() == [[18.5, 20.5], [26.5, 28.5]]
    assert not out[0, 2:].any()


def test_initial_weights() -> None:
    torch.manual_seed(0)
    block = lets.models.create("pyramidnet110").blocks[-1]
    assert block.conv2.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 286)), rel=1e-2)
