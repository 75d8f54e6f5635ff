"""What every data set of the catalogue must be; a new row is tested without a new line here.

Data sets that are not embedded are read from LETS_DATA; CIFAR-10 also from the development machines' copy.
"""

import os
from pathlib import Path

import pytest
import torch

import lets.data
from lets.data.dataset import Dataset
from lets.data.digest import arrays_sha256
from lets.data.folder import find_pictures, picture_folder
from lets.data.index import PictureIndex, read_index, write_index
from lets.data.loading import default_root
from lets.data.pictures import Pictures
from lets.data.processed import read_processed, write_processed
from lets.data.readers import Readers
from lets.data.sources import sources
from lets.errors import DataError

ARRAYS = [name for name in lets.data.names() if lets.data.describe(name).reader]
PICTURES = [name for name in lets.data.names() if lets.data.describe(name).pictures]


def test_every_available_data_set_is_arrays_or_pictures() -> None:
    assert sorted(ARRAYS + PICTURES) == sorted(lets.data.names())


@pytest.fixture(params=ARRAYS)
def dataset(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    source = sources()[request.param]
    if request.param == "cifar10" and "LETS_DATA" not in os.environ:
        monkeypatch.setenv("LETS_DATA", str(request.getfixturevalue("cifar10_root")))
    if source.files and not (default_root() / source.folder).is_dir():
        pytest.skip(f"no {default_root() / source.folder}: set LETS_DATA to the folder that holds it")
    return lets.data.load(request.param)


def test_types_sizes_and_labels_fit_the_catalogue(dataset: Dataset) -> None:
    info = lets.data.describe(dataset.name)
    assert (len(dataset.train), len(dataset.test)) == (info.train_size, info.test_size)
    assert dataset.image == info.image
    assert dataset.classes == info.classes
    for split in (dataset.train, dataset.test):
        assert (split.images.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
        assert split.images.shape == (len(split), *info.image)
        assert split.images.device.type == split.labels.device.type == "cpu"
        assert torch.bincount(split.labels, minlength=info.classes).shape == (info.classes,)
        assert torch.bincount(split.labels).min() > 0


def test_normalised_pixels_are_centred(dataset: Dataset) -> None:
    info = lets.data.describe(dataset.name)
    pixels = dataset.train.images.double().transpose(0, 1).flatten(1) / 255
    standard = (pixels.mean(1) - torch.tensor(info.mean)) / torch.tensor(info.std)
    assert standard.abs().max() < 2e-3


def test_training_and_test_images_differ(dataset: Dataset) -> None:
    train = {image.numpy().tobytes() for image in dataset.train.images}
    shared = sum(image.numpy().tobytes() in train for image in dataset.test.images)
    assert shared <= len(dataset.test) // 100


def test_reading_twice_gives_the_same_arrays(dataset: Dataset) -> None:
    assert arrays_sha256(lets.data.load(dataset.name).arrays) == arrays_sha256(dataset.arrays)


def test_the_processed_artifact_keeps_every_byte(dataset: Dataset, tmp_path: Path) -> None:
    write_processed(dataset, tmp_path / "arrays.safetensors")
    assert arrays_sha256(read_processed(tmp_path / "arrays.safetensors").arrays) == arrays_sha256(
        dataset.arrays
    )


def test_the_reader_leaves_the_data_root_alone(dataset: Dataset, tmp_path: Path) -> None:
    try:
        lets.data.load(dataset.name, root=tmp_path)
    except DataError as error:
        assert f"lets data prepare {dataset.name} --download" in str(error)  # noqa: PT017 – digits need no file
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=PICTURES)
def pictures(request: pytest.FixtureRequest) -> PictureIndex:
    """The list of a whole data set of pictures."""
    info, root = lets.data.describe(request.param), default_root()
    if not any((root / name).is_dir() for name in info.pictures):
        pytest.skip(
            f"no {' or '.join(info.pictures)} below {root}: set LETS_DATA to the folder that holds it"
        )
    return find_pictures(request.param, root)


def test_pictures_fit_the_catalogue(pictures: PictureIndex) -> None:
    info = lets.data.describe(pictures.dataset)
    assert pictures.missing == pictures.surplus == ()
    for split in (pictures.train, pictures.test):
        assert len({picture.path for picture in split}) == len(split)
        assert {picture.label for picture in split} == set(range(info.classes))


def test_the_index_keeps_every_picture(pictures: PictureIndex, tmp_path: Path) -> None:
    write_index(pictures, tmp_path / pictures.dataset / "index.csv.gz")
    assert read_index(tmp_path / pictures.dataset / "index.csv.gz") == pictures


def test_some_pictures_of_every_part_can_be_read(pictures: PictureIndex) -> None:
    info = lets.data.describe(pictures.dataset)
    folder = picture_folder(info, default_root(), pictures.folder)
    for split in (pictures.train, pictures.test):
        chosen = split[:: max(1, len(split) // 50)]
        loader = Pictures(
            folder,
            chosen,
            side=info.image[1],
            readers=Readers(0),
            batch_size=len(chosen),
            mean=info.mean,
            std=info.std,
        )
        ((x, y),) = loader.plain()
        assert x.shape == (len(chosen), *info.image)
        assert y.tolist() == [picture.label for picture in chosen]
        assert x.mean((0, 2, 3)).abs().max() < 1  # of normalised pixels
