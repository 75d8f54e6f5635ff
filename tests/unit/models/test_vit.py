import subprocess
import sys

import pytest
import torch
import torchvision.models.vision_transformer as reference
from torch import nn

import lets.models
from lets.models.catalogue import ARCHITECTURES

NAMES = {  # timm's → torchvision's, whose attention is torch.nn.MultiheadAttention
    "cls_token": "class_token",
    "pos_embed": "encoder.pos_embedding",
    "patch_embed.proj": "conv_proj",
    "blocks.": "encoder.layers.encoder_layer_",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "attn.qkv.": "self_attention.in_proj_",
    "attn.proj": "self_attention.out_proj",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.3",
    "norm.": "encoder.ln.",
    "head.": "heads.head.",
}


def torchvisions(ours: nn.Module, side: int, channels: int, width: int, depth: int, heads: int) -> nn.Module:
    theirs = reference.VisionTransformer(
        image_size=side,
        patch_size=4,
        num_layers=depth,
        num_heads=heads,
        hidden_dim=width,
        mlp_dim=4 * width,
        num_classes=10,
    )
    theirs.conv_proj = nn.Conv2d(channels, width, 4, stride=4)
    weights = {}
    for name, value in ours.state_dict().items():
        for own, other in NAMES.items():
            name = name.replace(own, other)
        weights[name] = value
    theirs.load_state_dict(weights)
    return theirs.double().eval()


@pytest.mark.parametrize(
    ("name", "side", "channels", "width", "depth", "heads"),
    [("vit-s16", 32, 3, 384, 12, 6), ("vit-small", 8, 1, 48, 2, 3)],
)
def test_it_is_torchvisions_with_copied_weights(
    name: str, side: int, channels: int, width: int, depth: int, heads: int
) -> None:
    torch.manual_seed(0)
    ours = lets.models.create(name, image=(channels, side, side))
    for parameter in ours.parameters():  # biases, token and head start from zero or close to it
        if parameter.abs().max() < 1e-4:
            nn.init.normal_(parameter, 0, 0.1)
    ours.double().eval()
    x = torch.randn(2, channels, side, side, dtype=torch.float64)
    theirs = torchvisions(ours, side, channels, width, depth, heads)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-9, atol=1e-9)


def test_initial_weights() -> None:
    torch.manual_seed(0)
    network = lets.models.create("vit-s16")
    assert network.pos_embed.std().item() == pytest.approx(0.02, rel=0.05)
    patches = network.patch_embed.proj
    assert patches.weight.std().item() == pytest.approx((3 * 4 * 4) ** -0.5, rel=0.05)  # LeCun's
    assert not patches.bias.any()
    block = network.blocks[3]
    for layer in (block.attn.qkv, block.attn.proj, block.mlp.fc1, block.mlp.fc2):
        bound = (6 / sum(layer.weight.shape)) ** 0.5  # Xavier's uniform
        assert 0.99 * bound < layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
    assert not block.attn.qkv.bias.any()
    assert not block.attn.proj.bias.any()
    for small in (network.cls_token, block.mlp.fc1.bias, block.mlp.fc2.bias):
        assert small.std().item() == pytest.approx(1e-6, rel=0.15)
    assert not network.head.weight.any()
    assert not network.head.bias.any()
    assert network(torch.randn(2, 3, 32, 32)).abs().max() == 0  # every class starts equally likely


def test_images_need_not_be_square() -> None:
    network = lets.models.create("vit-small", image=(1, 8, 12))
    assert network.pos_embed.shape == (1, 2 * 3 + 1, 48)
    assert network(torch.randn(5, 1, 8, 12)).shape == (5, 10)


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    network = lets.models.create("vit-s16")
    nn.init.normal_(network.head.weight)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(network.train()(x), network.train()(x))
        assert torch.equal(network.eval()(x), network.eval()(x))


def dropouts(name: str) -> dict[str, float]:
    network = lets.models.create(name, image=ARCHITECTURES[name].image)
    return {key: module.p for key, module in network.named_modules() if isinstance(module, nn.Dropout)}


def test_what_is_dropped() -> None:
    """A tenth of: patches with their positions, attention weights, and what each layer of a block gives."""
    places = ("attn.attn_drop", "attn.proj_drop", "mlp.drop1", "mlp.drop2")
    in_blocks = {f"blocks.{index}.{place}": 0.1 for index in range(12) for place in places}
    assert dropouts("vit-s16") == {"pos_drop": 0.1, **in_blocks, "head_drop": 0.0}
    assert set(dropouts("vit-small").values()) == {0.0}


def test_other_networks_do_without_timm() -> None:
    """Half a second or more of every process that trains one of them."""
    code = (
        "import sys, lets.models\nfor name in ('resnet32', 'wrn-small', 'pyramidnet-small'):\n"
        "    lets.models.create(name)\nsys.exit(any(m in sys.modules for m in ('timm', 'torchvision')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
