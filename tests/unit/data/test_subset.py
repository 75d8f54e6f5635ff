"""Which images a part of a training set consists of."""

from pathlib import Path

import pytest
import torch
from sklearn.model_selection import StratifiedShuffleSplit

import lets.data
from lets.data.dataset import arrays_sha256, draw_subset, read_subset, write_subset
from lets.errors import ChecksumError, DataError, SpecError

DIGITS = lets.data.load("digits").train.labels
BALANCED = torch.arange(10).repeat(500)
SKEWED = torch.tensor([0] * 900 + [1] * 90 + [2] * 9 + [3])


def shares(labels: torch.Tensor, samples: int) -> list[int]:
    return labels[draw_subset(labels, samples, 0)].bincount(minlength=int(labels.max()) + 1).tolist()


@pytest.mark.parametrize("samples", [10, 100, 333, 500, 1000, 1400])
@pytest.mark.parametrize("labels", [DIGITS, BALANCED], ids=["digits", "balanced"])
def test_classes_have_the_shares_that_scikit_learn_gives_them(labels: torch.Tensor, samples: int) -> None:
    split = StratifiedShuffleSplit(1, train_size=samples, random_state=0).split(labels, labels)
    theirs = labels[torch.from_numpy(next(split)[0])].bincount(minlength=10).tolist()
    # Of classes of one size it is chance there, and the number of the class here, which of them get one more.
    totals = labels.bincount().tolist()
    assert sorted(zip(totals, shares(labels, samples), strict=True)) == sorted(
        zip(totals, theirs, strict=True)
    )


def test_largest_remainders_by_hand() -> None:
    assert shares(SKEWED, 100) == [90, 9, 1, 0]  # .9 and .1 are left of the last two
    assert shares(SKEWED, 10) == [9, 1, 0, 0]  # exactly .9 and .09
    assert shares(BALANCED, 13) == [2, 2, 2, 1, 1, 1, 1, 1, 1, 1]
    assert shares(SKEWED, 1000) == [900, 90, 9, 1]


def test_images_are_drawn_once_in_order_from_all_over_the_training_set() -> None:
    chosen = draw_subset(BALANCED, 1000, 7)
    assert torch.equal(chosen, chosen.unique())
    assert chosen.dtype == torch.int64
    # Uniform: the mean number lies within four standard errors of the middle.
    assert abs(chosen.double().mean() - 2499.5) < 4 * 5000 / (12 * 1000) ** 0.5
    assert not torch.equal(chosen, draw_subset(BALANCED, 1000, 8))
    assert torch.equal(draw_subset(BALANCED, 5000, 7), torch.arange(5000))


def test_the_draw_depends_on_seed_and_labels_alone() -> None:
    first, threads = draw_subset(DIGITS, 500, 3), torch.get_num_threads()
    torch.manual_seed(99)
    torch.set_num_threads(1 + threads % 2)
    state = torch.get_rng_state()
    try:
        assert torch.equal(first, draw_subset(DIGITS.clone(), 500, 3))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(state, torch.get_rng_state())


def test_the_draw_is_pinned() -> None:
    """Whoever changes this orphans every run on a subset: only with a reason."""
    assert arrays_sha256({"indices": draw_subset(BALANCED, 100, 5)})[:16] == "d551bf3dac5318a5"


@pytest.mark.parametrize("samples", [0, -1, 1438])
def test_more_than_there_are(samples: int) -> None:
    with pytest.raises(
        SpecError, match=f"{samples} of 1437 training samples – no part of them – give .* 718"
    ):
        draw_subset(DIGITS, samples, 0)


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "digits" / "train-500" / "indices.safetensors"
    make = r"lets data subset digits 500$"
    with pytest.raises(DataError, match=make):
        read_subset(path)
    chosen = draw_subset(DIGITS, 500, 1)
    write_subset(chosen, "digits", 1, path)
    assert torch.equal(read_subset(path), chosen)
    content = path.read_bytes()
    write_subset(chosen, "digits", 1, path)
    assert path.read_bytes() == content
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ChecksumError, match=make):
        read_subset(path)
