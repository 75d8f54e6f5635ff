"""A data set of the user's own: what is measured of it, when it is read, and what is refused."""

import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

import lets.data
from lets.config.own import dataset, sources
from lets.config.paths import Layout
from lets.data.dataset import read_processed
from lets.errors import DataError, SpecError

MODULE = """
from pathlib import Path

import numpy as np


def images():
    with Path("calls").open("a") as calls:
        calls.write("x")
    drawn = np.random.default_rng(0)
    images, labels = drawn.integers(256, size=(50, 2, 16, 8), dtype=np.uint8), np.arange(50) % 3
    images[:, 1] = 7
    return (images[:40], labels[:40]), (images[40:], labels[40:])
"""


def test_its_row_is_measured_and_its_arrays_are_prepared(write) -> None:
    write("mine.py", MODULE)
    row = dataset("mine:images")
    pixels = np.random.default_rng(0).integers(256, size=(50, 2, 16, 8), dtype=np.uint8)[:40, 0] / 255
    assert (row.classes, row.train_size, row.test_size, row.image) == (3, 40, 10, (2, 16, 8))
    assert row.mean == (round(pixels.mean(), 4), round(7 / 255, 4))
    assert row.std == (round(pixels.std(), 4), 1.0)  # a channel that does not vary is not divided by zero
    assert row.crop_padding == 2
    arrays = read_processed(Layout("").arrays("mine:images"))
    assert arrays.train.images.shape == (40, 2, 16, 8)
    assert arrays.test.labels.tolist() == [n % 3 for n in range(40, 50)]
    assert lets.data.load("mine:images").train.images.equal(arrays.train.images)


def test_the_function_is_called_once_until_its_module_changes(write) -> None:
    write("mine.py", MODULE)
    before = asdict(dataset("mine:images"))
    assert asdict(dataset("mine:images")) == before
    assert Path("calls").read_text() == "x"
    write("mine.py", MODULE.replace("% 3", "% 4"))
    assert dataset("mine:images").classes == 4
    assert Path("calls").read_text() == "xx"


def test_damaged_arrays_are_prepared_again(write) -> None:
    write("mine.py", MODULE)
    before = dataset("mine:images")
    Layout("").arrays("mine:images").write_bytes(b"damaged")
    assert dataset("mine:images") == before


def test_only_what_is_the_users_own_has_sources(write) -> None:
    write("mine.py", MODULE)
    assert sources("digits", "mine:images", "resnet-small") == [Path("mine.py")]


def test_a_name_of_the_catalogue_stays_one() -> None:
    assert dataset("digits").train_size == 1437
    with pytest.raises(SpecError, match="did you mean digits"):
        dataset("digit")


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero, mine.py:6"),
        ("x, y", "returned something else"),
        ("(x.float(), y), (x, y)", "training set has float32 [6, 1, 4, 4] as images"),
        ("(x, y), (x[:, 0], y)", "test set has uint8 [6, 4, 4] as images"),
        ("(x, y), (x[:, :, 1:], y)", "test set has images [1, 3, 4], and to train on [1, 4, 4]"),
        ("(x[:0], y[:0]), (x, y)", "training set has uint8 [0, 1, 4, 4]"),
        ("(x, y), (x, y[1:])", "int64 [5] as labels, and not int64 [6]"),
        ("(x, y.float()), (x, y)", "float32 [6] as labels"),
        ("(x, y + 1), (x, y + 1)", "labels [1, 2, 3], and labels are 0 to classes-1"),
        ("(x, y - 1), (x, y - 1)", "labels [-1, 0, 1]"),
        ("(x, y % 2), (x, y)", "test set has labels [0, 1, 2]"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(write, returned: str, reason: str) -> None:
    write(
        "mine.py",
        "import torch\n\ndef images():\n    x = torch.zeros(6, 1, 4, 4, dtype=torch.uint8)\n"
        f"    y = torch.arange(6) % 3\n    return {returned}\n",
    )
    with pytest.raises(DataError, match=re.escape(reason)) as error:
        dataset("mine:images")
    assert str(error.value).startswith("'mine:images' – ")
    assert not Layout("").arrays("mine:images").exists()


def test_reading_it_leaves_torchs_random_numbers_alone(write) -> None:
    write("mine.py", MODULE)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    dataset("mine:images")
    assert torch.rand(1) == expected
