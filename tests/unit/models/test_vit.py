import pytest
import timm.models.vision_transformer as reference
import torch
from torch import nn

import lets.models

NAMES = {  # ours → timm's
    "patches": "patch_embed.proj",
    "token": "cls_token",
    "positions": "pos_embed",
    "attention": "attn",
    "mlp.0": "mlp.fc1",
    "mlp.3": "mlp.fc2",
}


def timms(ours: nn.Module, side: int, channels: int, width: int, depth: int, heads: int) -> nn.Module:
    theirs = reference.VisionTransformer(
        img_size=side,
        patch_size=4,
        in_chans=channels,
        num_classes=10,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
    )
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
def test_it_is_timms_with_copied_weights(
    name: str, side: int, channels: int, width: int, depth: int, heads: int
) -> None:
    torch.manual_seed(0)
    ours = lets.models.create(name, image=(channels, side, side))
    for parameter in ours.parameters():  # biases, token and head start from zero
        nn.init.normal_(parameter, 0, 0.1) if not parameter.any() else None
    ours.double().eval()
    x = torch.randn(2, channels, side, side, dtype=torch.float64)
    theirs = timms(ours, side, channels, width, depth, heads)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-9, atol=1e-9)


def test_initial_weights() -> None:
    torch.manual_seed(0)
    network = lets.models.create("vit-s16")
    assert network.positions.std().item() == pytest.approx(0.02, rel=0.05)
    assert not network.token.any()
    assert not network.head.weight.any()
    assert not network.head.bias.any()
    qkv = network.blocks[3].attention.qkv
    assert not qkv.bias.any()
    bound = (6 / (384 + 3 * 384)) ** 0.5  # Xavier's uniform
    assert 0.99 * bound < qkv.weight.abs().max() <= bound
    assert network(torch.randn(2, 3, 32, 32)).abs().max() == 0  # every class starts equally likely


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    network = lets.models.create("vit-s16")
    nn.init.normal_(network.head.weight)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(network.train()(x), network.train()(x))
        assert torch.equal(network.eval()(x), network.eval()(x))


def test_attention_weights_are_dropped_too() -> None:
    torch.manual_seed(0)
    attention = lets.models.create("vit-s16").blocks[0].attention
    x = torch.randn(1, 65, 384)
    with torch.no_grad():
        assert not torch.equal(attention.train()(x), attention.train()(x))
        assert torch.equal(attention.eval()(x), attention.eval()(x))
