from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import lets.data
from lets.data.packaged import read_digits
from lets.data.sources import source
from lets.errors import ChecksumError


def test_split_and_scale() -> None:
    d = lets.data.load("digits")
    scans, labels = load_digits(return_X_y=True)
    rows = np.arange(1797)
    assert (len(d.train), len(d.test)) == (1437, 360)
    for split, chosen in ((d.train, rows % 5 != 0), (d.test, rows % 5 == 0)):
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == torch.int64
        assert np.array_equal(split.images.reshape(-1, 64).numpy() / 15, scans[chosen])
        assert np.array_equal(split.labels.numpy(), labels[chosen])
    assert d.image == (1, 8, 8)
    assert d.classes == 10
    assert d.class_names == tuple("0123456789")


def test_other_scans_are_refused() -> None:
    with pytest.raises(
        ChecksumError, match=r"digits – sha256 of the arrays is [0-9a-f]{64}, should be 00 – install"
    ):
        read_digits(replace(source("digits"), arrays_sha256="00"), Path(), download=False)
