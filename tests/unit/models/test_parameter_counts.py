import pytest

import lets.models
from lets.models.resnet import ResNet

RGB = (3, 32, 32)
COUNTS = {  # 10 and 100 classes; four counted in the code that the paper's baselines were trained with
    "resnet18": (11_173_962, 11_220_132),
    "resnet32": (464_154, 470_004),
    "wrn28-10": (36_479_194, 36_536_884),
    "pyramidnet110": (28_485_477, 28_511_307),
    "vit-s16": (21_342_346, 21_376_996),
    # torchvision's 25,557,032 with 1000 classes, less 2049 for each class that is missing
    "resnet50": (23_528_522, 23_712_932),
}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("classes", [10, 100])
def test_parameter_counts(name: str, classes: int) -> None:
    network = lets.models.create(name, classes=classes)
    assert sum(p.numel() for p in network.parameters()) == COUNTS[name][classes == 100]


def test_resnet32_with_projections() -> None:
    network = ResNet(10, RGB, widths=(16, 32, 64), blocks=(5, 5, 5), shortcut="projection")
    assert sum(p.numel() for p in network.parameters()) == 466_906


@pytest.mark.parametrize("classes", [10, 100])
def test_vit_count_by_formula(classes: int) -> None:
    block = 12 * 384**2 + (3 + 1 + 4 + 1 + 2 + 2) * 384
    expected = 4 * 4 * 3 * 384 + 384 + 384 + 65 * 384 + 12 * block + 2 * 384 + 384 * classes + classes
    assert COUNTS["vit-s16"][classes == 100] == expected


def test_resnet50_on_imagenet() -> None:
    network = lets.models.create("resnet50", classes=1000, image=(3, 224, 224))
    assert sum(p.numel() for p in network.parameters()) == 25_557_032
