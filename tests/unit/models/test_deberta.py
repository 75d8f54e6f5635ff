import sys

import pytest
import torch
import torch.nn.functional as F
from transformers import DebertaConfig, DebertaForMaskedLM, DebertaModel

import lets.models
from lets.errors import ChecksumError, SpecError
from lets.models.catalogue import describe
from lets.models.deberta import Deberta

VOCABULARY = 50


def small(classes: int = 2, seed: int = 0, vocabulary: int = VOCABULARY) -> Deberta:
    torch.manual_seed(seed)
    network = lets.models.create("deberta-small", classes=classes, image=(vocabulary,))
    assert isinstance(network, Deberta)
    return network


def texts(*lengths: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def reference(**heads: object) -> DebertaForMaskedLM:
    """The network of the pretraining, as small as ours."""
    config = DebertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
        max_position_embeddings=256,
        type_vocab_size=0,
        relative_attention=True,
        pos_att_type="c2p|p2c",  # as the config.json of microsoft/deberta-base writes it
        position_biased_input=False,
        **heads,
    )
    torch.manual_seed(7)
    return DebertaForMaskedLM(config)


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_base_has_the_published_size_by_formula(classes: int) -> None:
    """12 blocks of width 768, 50,265 tokens, 512 positions to either side: the 139 M of the model's page."""
    width, tokens, positions = 768, 50_265, 512
    attention = 3 * width**2 + 2 * width  # keys have no bias
    relative = width**2 + width**2 + width  # the projection of the keys of positions has no bias either
    block = attention + relative + (width**2 + width) + 2 * 2 * width + 8 * width**2 + 5 * width
    encoder = tokens * width + 2 * width + 2 * positions * width + 12 * block
    assert encoder == 138_601_728
    with torch.device("meta"):
        network = lets.models.create("deberta-base", classes=classes, image=(tokens,))
    head = width**2 + width + classes * (width + 1)
    assert sum(p.numel() for p in network.parameters()) == encoder + head


def test_attention_is_by_content_and_by_relative_position_alone() -> None:
    names = dict(small().named_parameters())
    for wanted in ("in_proj.weight", "pos_proj.weight", "pos_q_proj.weight"):
        assert sum(name.endswith(wanted) for name in names) == describe("deberta-small").arguments["depth"]
    assert not any("position_embeddings" in name or "token_type" in name for name in names)
    network = small().eval()
    for parameter in network.parameters():  # as it is initialised, attention is all but uniform
        torch.nn.init.normal_(parameter, 0, 0.2)
    ids = torch.tensor([[1, 7, 8, 9, 2], [1, 9, 8, 7, 2]])
    first, mirrored = network(ids)
    assert not torch.allclose(first, mirrored, rtol=1e-3)


@pytest.mark.parametrize("classes", [1, 3])
def test_padding_and_company_change_nothing(classes: int) -> None:
    network, ids = small(classes).eval(), texts(9, 4, 30, 1)
    together = network(ids)
    assert together.shape == (4, classes)
    alone = torch.cat([network(row[row != 0].unsqueeze(0)) for row in ids])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)
    wider = network(F.pad(ids, (0, 11)))
    torch.testing.assert_close(together, wider, rtol=1e-4, atol=1e-6)


def test_dropout_is_on_in_training_and_off_in_evaluation() -> None:
    network, ids = small(), texts(9, 4)
    assert not torch.equal(network(ids), network(ids))
    network.eval()
    assert torch.equal(network(ids), network(ids))


def test_every_dropout_is_the_catalogues_but_that_before_the_head() -> None:
    network = small()
    rates = {name: part.p for name, part in network.named_modules() if isinstance(part, torch.nn.Dropout)}
    assert rates.pop("network.pooler.dropout") == 0  # as in the usual head
    assert set(rates.values()) == {describe("deberta-small").arguments["dropout"]} == {0.1}
    assert len(rates) == 2 + 2 * 4  # embeddings, the head; attention, positions and two sums of every block


def test_gradients_are_the_same_bytes_again() -> None:
    def gradients() -> list[torch.Tensor]:
        network, ids = small(), texts(40, 25, 60, 3)
        torch.manual_seed(5)
        F.cross_entropy(network(ids), torch.tensor([0, 1, 1, 0])).backward()
        return [parameter.grad for parameter in network.parameters()]

    for one, again in zip(gradients(), gradients(), strict=True):
        assert one.any()
        assert torch.equal(one, again)


def test_second_derivatives_exist_and_are_symmetric() -> None:
    network, ids = small().eval(), texts(9, 4, 6)
    parameters = list(network.parameters())
    loss = F.cross_entropy(network(ids), torch.tensor([0, 1, 1]))
    gradient = torch.autograd.grad(loss, parameters, create_graph=True)
    generator = torch.Generator().manual_seed(3)
    u, v = ([torch.randn(p.shape, generator=generator) for p in parameters] for _ in range(2))

    def product(vector: list[torch.Tensor]) -> list[torch.Tensor]:
        inner = sum((g * x).sum() for g, x in zip(gradient, vector, strict=True))
        return torch.autograd.grad(inner, parameters, retain_graph=True)

    uhv, vhu = (
        sum(float((x.double() * y.double()).sum()) for x, y in zip(a, product(b), strict=True))
        for a, b in ((u, v), (v, u))
    )
    assert uhv == pytest.approx(vhu, rel=1e-3)
    assert abs(uhv) > 1e-3


def test_weights_come_from_the_global_generator() -> None:
    one, same, other = (small(seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["network.classifier.weight"], other["network.classifier.weight"])
    assert not one["network.classifier.bias"].any()
    assert one["network.classifier.weight"].std() == pytest.approx(0.02, rel=0.2)


def test_it_starts_from_the_weights_of_the_pretraining_and_keeps_its_head() -> None:
    network, pretrained = small(), reference(legacy=False).eval()
    head = {name: w.clone() for name, w in network.state_dict().items() if "deberta." not in name}
    network.start_from(pretrained.state_dict())
    ids = texts(9, 4)
    mask = ids != 0
    found = network.network.deberta.eval()(ids, attention_mask=mask).last_hidden_state
    assert torch.equal(found, pretrained.deberta(ids, attention_mask=mask).last_hidden_state)
    assert all(torch.equal(network.state_dict()[name], weight) for name, weight in head.items())
    assert len(head) == 4
    assert isinstance(pretrained.deberta, DebertaModel)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("deberta.encoder.layer.1.attention.self.q_bias"), "self.q_bias is missing, 1 such"),
        (lambda w: w.update({"deberta.more": torch.zeros(1)}), "deberta.more is unknown, 1 such"),
        (
            lambda w: w.update({"deberta.embeddings.word_embeddings.weight": torch.zeros(9, 64)}),
            r"word_embeddings.weight is \(9, 64\), should be \(50, 64\)",
        ),
        (lambda w: w.clear(), r"is missing, 36 such in all .*bring those of microsoft/deberta-base"),
    ],
)
def test_other_weights_are_refused_and_change_nothing(change, message: str) -> None:
    network, weights = small(), reference().state_dict()
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    change(weights)
    with pytest.raises(ChecksumError, match=message):
        network.start_from(weights)
    assert all(torch.equal(network.state_dict()[name], weight) for name, weight in before.items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"image=\(3, 32, 32\) – want .*vocabulary.* classes=2, image=\(4000,\)"),
        ({"image": (0,)}, r"image=\(0,\)"),
        ({"image": (50,), "classes": 0}, "classes=0"),
    ],
)
def test_impossible_requests(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        lets.models.create("deberta-small", **arguments)


def test_the_small_one_is_the_same_class_and_begins_at_random() -> None:
    base, little = describe("deberta-base"), describe("deberta-small")
    assert (base.builder, base.family) == (little.builder, little.family)
    assert (base.pretrained, little.pretrained) == ("microsoft/deberta-base", "")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lets.models.deberta")
    monkeypatch.setitem(sys.modules, "transformers.models.deberta.configuration_deberta", None)
    with pytest.raises(SpecError, match=r"pip install 'lets-repro\[language\]'"):
        lets.models.create("deberta-small", image=(50,))
