import subprocess
import sys

import pytest
import torch

import lets.models
from lets.errors import SpecError
from lets.models.catalogue import describe, names

VISION = [name for name in names() if len(describe(name).image) == 3]


def test_names() -> None:
    large = ["wrn28-10", "pyramidnet110", "vit-s16", "resnet50"]
    residual = ["resnet18", "resnet32", "resnet8", "resnet8-stride2"]
    assert [*residual, *large, "resnet-small", "wrn-small", "pyramidnet-small", "vit-small"] == VISION
    assert {"deberta-base", "deberta-small"} <= set(names())


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("resnet-small", "resnet18"),
        ("wrn-small", "wrn28-10"),
        ("pyramidnet-small", "pyramidnet110"),
        ("vit-small", "vit-s16"),
        ("deberta-small", "deberta-base"),
    ],
)
def test_small_versions_are_the_same_class(small: str, large: str) -> None:
    assert describe(small).builder == describe(large).builder
    assert describe(small).family == describe(large).family


def test_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(
        SpecError, match=r"'resnet-18' – no such architecture; did you mean .*resnet18.* – choose from"
    ):
        lets.models.create("resnet-18")


@pytest.mark.parametrize("name", VISION)
def test_the_usual_data_fit(name: str) -> None:
    info = describe(name)
    image = {"resnet50": (3, 224, 224)}.get(name, (1, 8, 8) if name.endswith("-small") else (3, 32, 32))
    assert (info.image, info.classes) == (image, 1000 if name == "resnet50" else 10)
    with torch.device("meta"):
        network = lets.models.create(name, info.classes, info.image)
        assert network(torch.empty(2, *info.image)).shape == (2, info.classes)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resnet18", {"classes": 0}, "classes=0"),
        ("resnet18", {"image": (32, 32)}, r"image=\(32, 32\)"),
        ("resnet50", {"image": (1, 8, 8)}, "takes RGB images"),
        ("vit-s16", {"image": (3, 30, 32)}, "30×32: not divisible into 4×4 patches"),
        ("vit-s16", {"image": (3, 32, 30)}, "32×30: not divisible into 4×4 patches"),
    ],
)
def test_impossible_requests(name: str, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        lets.models.create(name, **arguments)


def test_the_catalogue_comes_without_torch() -> None:
    code = "import sys, lets.models, lets.models.catalogue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'creat'"):
        _ = lets.models.creat


def test_weights_come_from_the_global_generator() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        network = lets.models.create("vit-small", classes=10, image=(1, 8, 8))
        return torch.cat([p.flatten() for p in network.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
