"""What every architecture of the catalogue must do; a new row is tested without a new line here."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import nn

import lets.data
import lets.models
from lets.models.catalogue import describe

ALL = lets.models.names()
SMALL = [name for name in ALL if name.endswith("-small") and len(describe(name).image) == 3]
TEXT = ["deberta-small"]  # of deberta-base, the same class, each test would take a GB
NAMES = [name for name in ALL if len(describe(name).image) == 3] + TEXT


def usual_image(name: str) -> tuple[int, ...]:
    return (50,) if name in TEXT else (1, 8, 8) if name in SMALL else (3, 32, 32)


def network_and_inputs(name: str, count: int = 3) -> tuple[nn.Module, torch.Tensor]:
    image = usual_image(name)
    torch.manual_seed(0)
    network = lets.models.create(name, classes=7, image=image)
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, 0, 0.1)
    return network, torch.randint(1, 50, (count, 9)) if name in TEXT else torch.randn(count, *image)


@pytest.mark.parametrize("name", NAMES)
def test_forward_and_backward(name: str) -> None:
    network, x = network_and_inputs(name)
    logits = network(x)
    assert logits.shape == (3, 7)
    F.cross_entropy(logits, torch.tensor([0, 3, 6])).backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_treats_every_image_by_itself(name: str) -> None:
    network, x = network_and_inputs(name)
    with torch.no_grad():
        together = network.eval()(x)
        alone = torch.cat([network(image) for image in x.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(together[0], together[1], rtol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_weights_travel_through_safetensors(name: str) -> None:
    network, x = network_and_inputs(name, count=2)
    network(x)  # moves batch-norm's buffers
    other = lets.models.create(name, classes=7, image=usual_image(name))
    other.load_state_dict(load(save(network.state_dict())))
    with torch.no_grad():
        assert torch.equal(network.eval()(x), other.eval()(x))


@pytest.mark.parametrize("name", ALL)
def test_the_row_is_complete(name: str) -> None:
    info = describe(name)
    assert info.name == name
    assert all((info.title, info.family, info.paper))


@pytest.mark.parametrize("name", SMALL)
def test_small_versions_learn_the_digits(name: str) -> None:
    digits, info = lets.data.load("digits"), lets.data.describe("digits")
    batches = lets.data.Batches(
        digits.train.images, digits.train.labels, batch_size=64, mean=info.mean, std=info.std, seed=0
    )
    torch.manual_seed(0)
    network = lets.models.create(name, classes=digits.classes, image=digits.image)
    optimizer = (
        torch.optim.Adam(network.parameters(), 2e-3)
        if describe(name).family == "vit"
        else torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 8)
    for epoch in range(8):
        for x, y in batches.epoch(epoch):
            optimizer.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimizer.step()
        schedule.step()
    test = lets.data.Batches(
        digits.test.images, digits.test.labels, batch_size=360, mean=info.mean, std=info.std
    )
    with torch.no_grad():
        x, y = next(test.plain())
        assert (network.eval()(x).argmax(1) == y).double().mean() > 0.93
