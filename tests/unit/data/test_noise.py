import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from lets.data import symmetric_noise
from lets.errors import SpecError

LABELS = torch.arange(50_000) % 10


@given(
    percent=st.integers(0, 100),
    count=st.integers(0, 400),
    classes=st.integers(2, 12),
    seed=st.integers(0, 2**32),
)
def test_exclusive_noise_changes_exactly_the_nominal_number(
    percent: int, count: int, classes: int, seed: int
) -> None:
    labels = torch.arange(count) % classes
    noisy = symmetric_noise(labels, percent / 100, classes, seed, exclude_true=True)
    assert int((noisy != labels).sum()) == math.floor(Fraction(percent, 100) * count)
    assert noisy.dtype == torch.int64
    assert torch.equal(labels, torch.arange(count) % classes)  # the true labels are left alone
    if count:
        assert 0 <= noisy.min() <= noisy.max() < classes


@pytest.mark.parametrize("rate", [0.2, 0.4, 0.6, 0.8])
def test_inclusive_noise_keeps_a_tenth_of_the_drawn_labels(rate: float) -> None:
    realised = float((symmetric_noise(LABELS, rate) != LABELS).float().mean())
    # binomial: rate·N draws that differ with probability 9/10
    sigma = math.sqrt(rate * 50_000 * 0.9 * 0.1) / 50_000
    assert abs(realised - 0.9 * rate) < 4 * sigma


@pytest.mark.parametrize(("exclude_true", "targets"), [(False, 10), (True, 9)])
def test_new_labels_are_uniform(exclude_true: bool, targets: int) -> None:
    noisy = symmetric_noise(LABELS, rate=1.0, exclude_true=exclude_true)
    moved = torch.bincount((noisy - LABELS) % 10, minlength=10)  # by how far around the circle of classes
    expected = [0.0 if exclude_true else 50_000 / targets] + [50_000 / targets] * 9
    first = int(exclude_true)
    assert moved[:first].sum() == 0
    assert chisquare(moved[first:].tolist(), expected[first:]).pvalue > 1e-3


def test_noise_strikes_everywhere() -> None:
    struck = (symmetric_noise(LABELS, 0.4, exclude_true=True) != LABELS).view(50, 1000).sum(1)
    assert chisquare(struck.tolist()).pvalue > 1e-3  # no stretch of the data set is spared
    by_class = torch.bincount(LABELS[symmetric_noise(LABELS, 0.4, exclude_true=True) != LABELS])
    assert chisquare(by_class.tolist()).pvalue > 1e-3


def test_seed_decides_and_the_global_generator_rests() -> None:
    before = torch.random.get_rng_state()
    first = symmetric_noise(LABELS, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(symmetric_noise(LABELS, seed=3), first)
    assert not torch.equal(symmetric_noise(LABELS, seed=4), first)


def test_lower_rates_strike_a_subset() -> None:
    low = symmetric_noise(LABELS, 0.2, exclude_true=True) != LABELS
    high = symmetric_noise(LABELS, 0.6, exclude_true=True) != LABELS
    assert bool((high | ~low).all())


def test_decimal_rates_are_meant_as_written() -> None:
    labels = torch.zeros(100, dtype=torch.int64)
    assert (
        int((symmetric_noise(labels, 0.29, exclude_true=True) != 0).sum()) == 29
    )  # 0.29 * 100 < 29 in binary


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 1.2}, "noise rate 1.2"),
        ({"rate": -0.1}, "noise rate -0.1"),
        ({"rate": float("nan")}, "noise rate nan"),
        ({"classes": 1}, "classes=1"),
        ({"classes": 5}, "labels from 0 to 9 – outside 0…4"),
    ],
)
def test_impossible_requests(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        symmetric_noise(LABELS, **arguments)


def test_labels_must_be_class_numbers() -> None:
    with pytest.raises(SpecError, match=r"torch.float32 – want class numbers \[N\]"):
        symmetric_noise(LABELS.float())
    with pytest.raises(SpecError, match=r"shape \(5, 2\)"):
        symmetric_noise(torch.zeros(5, 2, dtype=torch.int64))
