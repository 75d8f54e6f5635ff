import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from torchvision.models import ResNet50_Weights

import lets.data
import lets.models
from lets.data.catalogue import DATASETS, describe, names
from lets.errors import SpecError


def test_names() -> None:
    images = [name for name in names() if describe(name).image]
    assert images == ["digits", "cifar10", "cifar100", "imagenet", "imagenette"]
    assert {"cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte"} <= set(names())


def test_sizes_of_glue_are_those_of_its_paper() -> None:
    """Table 1 of Wang et al. (arXiv 1804.07461) in thousands, the exact numbers are those of its archives."""
    thousands = {
        "cola": 8.5,
        "sst2": 67,
        "mrpc": 3.7,
        "stsb": 7,
        "qqp": 364,
        "mnli": 393,
        "qnli": 105,
        "rte": 2.5,
    }
    for name, size in thousands.items():
        # 7 k pairs of STS-B are those of training and development together
        count = describe(name).train_size + (describe(name).test_size if name == "stsb" else 0)
        assert count / 1000 == pytest.approx(size, rel=0.04)


def test_imagenets_size_and_constants_are_those_of_its_challenge_and_of_torchvision() -> None:
    info = describe("imagenet")
    assert (info.classes, info.train_size, info.test_size) == (
        1000,
        1_281_167,
        50_000,
    )  # arXiv 1409.0575, Table 2
    transform = ResNet50_Weights.IMAGENET1K_V1.transforms()
    assert list(info.mean) == transform.mean
    assert list(info.std) == transform.std
    assert info.image[1:] == (transform.crop_size[0],) * 2
    assert (describe("imagenette").mean, describe("imagenette").image) == (info.mean, info.image)


@pytest.mark.parametrize("name", ["imagenet", "imagenette"])
def test_pictures_are_no_arrays(name: str) -> None:
    with pytest.raises(
        SpecError, match=rf"no arrays of it – list its pictures:  lets data prepare {name} --download$"
    ):
        lets.data.load(name)


def test_every_data_set_of_the_paper_has_a_row() -> None:
    titles = {info.title for info in DATASETS.values()}
    assert {"CIFAR-10", "CIFAR-100", "ImageNet", "IWSLT'14 DE-EN"} <= titles
    assert {"MRPC", "SST-2", "CoLA", "RTE", "STS-B", "QNLI", "QQP", "MNLI"} <= titles


def test_digits_constants_are_those_of_its_training_scans() -> None:
    scans = load_digits().images
    train = scans[np.arange(len(scans)) % 5 != 0] * 15 / 255
    info = describe("digits")
    assert info.mean == (round(train.mean(), 4),)
    assert info.std == (round(train.std(), 4),)


def test_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(
        SpecError, match=r"'cifar11' – no such data set; did you mean .*cifar10.* – choose from"
    ):
        describe("cifar11")
    with pytest.raises(SpecError, match=r"'zzz' – no such data set – choose from"):
        describe("zzz")


def test_the_catalogue_and_the_sources_come_without_torch() -> None:
    code = "import sys, lets.data, lets.data.catalogue, lets.data.sources; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_no_submodule_hides_a_public_name() -> None:
    for package in (lets.data, lets.models):
        submodules = {module.name for module in pkgutil.iter_modules(package.__path__)}
        assert submodules.isdisjoint(package.__all__)
        assert all(callable(getattr(package, name)) for name in package.__all__)


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lood'"):
        _ = lets.data.lood
