"""The Transformer against closed forms and against its layers written out."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import lets.models
from lets.errors import SpecError
from lets.models.costs import Cost, cost
from lets.models.transformer import Transformer

SOURCE = torch.tensor([[5, 6, 7, 1, 0, 0], [8, 9, 5, 6, 7, 1]])
TARGET = torch.tensor([[1, 11, 12, 13], [1, 14, 15, 0]])


@pytest.fixture
def small() -> Transformer:
    torch.manual_seed(0)
    model = Transformer(0, (20,), width=16, heads=2, hidden=24, depth=2, dropout=0.3).eval()
    for parameter in model.parameters():  # biases and norms too, so that no mistake hides behind a zero
        parameter.data += 0.05 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize(
    ("name", "vocabulary", "width", "hidden", "depth"),
    [("transformer", 10_240, 512, 1024, 6), ("transformer-small", 4_096, 128, 256, 2)],
)
def test_parameters_and_operations(name: str, vocabulary: int, width: int, hidden: int, depth: int) -> None:
    attention = 4 * width * width + 4 * width
    feed_forward = 2 * width * hidden + hidden + width
    norm = 2 * width
    encoder = attention + feed_forward + 2 * norm
    decoder = 2 * attention + feed_forward + 3 * norm
    parameters = 2 * vocabulary * width + depth * (encoder + decoder)
    tokens = 25
    products = depth * tokens * (3 * 4 * width * width + 2 * 2 * width * hidden)
    products += depth * 3 * 2 * tokens * tokens * width  # three attentions: q·k and weights·v
    products += tokens * vocabulary * width
    assert cost(name, 0, (vocabulary,)) == Cost(parameters, 2 * products)


def attention(module: nn.MultiheadAttention, queries: Tensor, memory: Tensor, allowed: Tensor) -> Tensor:
    """§3.2.2, a head at a time; `allowed` bool [T, S]."""
    weights, biases = module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3)
    q, k, v = (F.linear(x, w, b) for x, w, b in zip((queries, memory, memory), weights, biases, strict=True))
    size, heads = module.head_dim, []
    for head in range(module.num_heads):
        part = slice(head * size, (head + 1) * size)
        similarity = q[:, part] @ k[:, part].T / math.sqrt(size)
        heads.append(similarity.masked_fill(~allowed, -math.inf).softmax(1) @ v[:, part])
    return F.linear(torch.cat(heads, 1), module.out_proj.weight, module.out_proj.bias)


def embedded(embedding: nn.Embedding, ids: Tensor) -> Tensor:
    width = embedding.embedding_dim
    positions = torch.zeros(len(ids), width, dtype=torch.float64)
    for position in range(len(ids)):
        for i in range(width // 2):
            angle = position / 10_000 ** (2 * i / width)
            positions[position, 2 * i], positions[position, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return math.sqrt(width) * embedding.weight[ids] + positions


def feed_forward(layer: nn.Module, x: Tensor) -> Tensor:
    return layer.linear2(layer.linear1(x).relu())


def straight(model: Transformer, source: Tensor, target: Tensor) -> Tensor:
    """One pair without padding, post-norm: x ← norm(x + block(x))."""
    memory, x = embedded(model.source, source), embedded(model.target, target)
    everything = torch.ones(len(source), len(source), dtype=torch.bool)
    for layer in model.encoder.layers:
        memory = layer.norm1(memory + attention(layer.self_attn, memory, memory, everything))
        memory = layer.norm2(memory + feed_forward(layer, memory))
    past = torch.ones(len(target), len(target), dtype=torch.bool).tril()
    seen = torch.ones(len(target), len(source), dtype=torch.bool)
    for layer in model.decoder.layers:
        x = layer.norm1(x + attention(layer.self_attn, x, x, past))
        x = layer.norm2(x + attention(layer.multihead_attn, x, memory, seen))
        x = layer.norm3(x + feed_forward(layer, x))
    return x @ model.target.weight.T


@torch.no_grad()
def test_it_is_the_paper_s(small: Transformer) -> None:
    found, double = small(SOURCE, TARGET), small.double()
    for logits, source, target in zip(found, SOURCE, TARGET, strict=True):
        source, target = source[source != 0], target[target != 0]
        expected = straight(double, source, target)
        torch.testing.assert_close(logits[: len(target)].double(), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_next_token_is_the_last_of_all(small: Transformer) -> None:
    logits, encoded = small(SOURCE, TARGET), small.encode(SOURCE)
    for length in (1, 2, 4):
        torch.testing.assert_close(
            small.next_logits(TARGET[:, :length], *encoded), logits[:, length - 1], rtol=1e-4, atol=1e-5
        )


def test_initial_weights() -> None:
    torch.manual_seed(0)
    model = lets.models.create("transformer-small", 0, (4_096,))
    assert model.source.weight[1:].std().item() == pytest.approx(128**-0.5, rel=0.01)
    assert not model.source.weight[0].any()
    assert not model.target.weight[0].any()
    layer = model.decoder.layers[1]
    for attention_ in (layer.self_attn, layer.multihead_attn):
        bound = math.sqrt(6 / (128 + 3 * 128))
        assert bound * 0.99 < attention_.in_proj_weight.abs().max().item() <= bound
        assert bound * 1.4 < attention_.out_proj.weight.abs().max().item() <= math.sqrt(6 / 256)
    assert layer.linear1.weight.abs().max().item() == pytest.approx(math.sqrt(6 / 384), rel=0.01)
    biases = [parameter for name, parameter in model.named_parameters() if "bias" in name]
    assert not any(bias.any() for bias in biases)
    first, second = (one.linear1.weight for one in model.encoder.layers)
    assert not torch.equal(first, second)


def test_dropout_is_where_the_stock_recipe_has_it() -> None:
    model = lets.models.create("transformer", 0, (8,))
    for layer in (*model.encoder.layers, *model.decoder.layers):
        assert (layer.self_attn.dropout, layer.dropout.p) == (0.0, 0.0)
        assert (layer.dropout1.p, layer.dropout2.p) == (0.3, 0.3)
    assert all(layer.multihead_attn.dropout == 0.0 for layer in model.decoder.layers)
    assert model.dropout.p == 0.3


def test_refusals() -> None:
    with pytest.raises(SpecError, match=r"classes=3 – a translation has no classes"):
        lets.models.create("transformer-small", 3, (4_096,))
    with pytest.raises(SpecError, match=r"tokens of the vocabulary"):
        lets.models.create("transformer-small", 0, (3, 32, 32))
