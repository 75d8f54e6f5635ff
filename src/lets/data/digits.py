"""The embedded data set: 1,797 real 8×8 scans of hand-written digits, shipped inside scikit-learn's wheel."""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from lets.data.catalogue import describe
from lets.data.dataset import Dataset, Split, arrays_sha256
from lets.data.sources import Source
from lets.errors import ChecksumError

__all__ = ["read"]

TEST_EVERY = 5
"""every fifth scan, from the first on, is a test image"""


def read(source: Source, root: Path, download: bool) -> Dataset:
    """Read and verify the scans; grey values 0…16 become uint8 0…240. There is nothing to download."""
    bunch = load_digits()
    images = torch.from_numpy((bunch.images * 15).astype(np.uint8)).unsqueeze(1)
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    test = torch.arange(len(labels)) % TEST_EVERY == 0
    dataset = Dataset(
        name=source.name,
        title=describe(source.name).title,
        train=Split(images[~test], labels[~test]),
        test=Split(images[test], labels[test]),
        class_names=tuple(str(name) for name in bunch.target_names),
    )
    digest = arrays_sha256(dataset.arrays)
    if digest != source.arrays_sha256:
        raise ChecksumError(
            f"scikit-learn's digits – sha256 of the arrays is {digest}, should be {source.arrays_sha256} – "
            "install the locked version:  pip install -r requirements.lock"
        )
    return dataset
