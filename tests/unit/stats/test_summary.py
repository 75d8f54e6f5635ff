import math

import numpy as np
import pytest
import scipy.stats

from lets.stats.summary import Summary


def test_worked_example() -> None:
    summary = Summary.of([1.0, 2.0, 4.0])  # deviations -4/3, -1/3, 5/3: squares sum to 42/9
    assert (summary.n, summary.mean) == (3, 7 / 3)
    assert summary.sd == pytest.approx(math.sqrt(7 / 3), abs=1e-15)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_agrees_with_numpy_and_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(96, 0.3, n)
    summary = Summary.of(values.tolist())
    assert summary.mean == pytest.approx(values.mean(), rel=1e-14)
    assert summary.sd == pytest.approx(values.std(ddof=1), rel=1e-12)
    for level in (0.9, 0.95):
        wanted = scipy.stats.t.interval(level, n - 1, values.mean(), scipy.stats.sem(values))
        assert summary.interval(level) == pytest.approx(wanted, rel=1e-12)


def test_interval_from_a_table_of_t() -> None:
    low, high = Summary(3, 10.0, math.sqrt(3)).interval()  # t(0.975; 2) = 4.303, sd/√n = 1
    assert (low, high) == (pytest.approx(5.697, abs=1e-3), pytest.approx(14.303, abs=1e-3))


def test_one_value_has_no_spread_and_none_has_no_mean() -> None:
    one, none = Summary.of([5.0]), Summary.of([])
    assert (one.n, one.mean) == (1, 5.0)
    assert math.isnan(one.sd)
    assert all(math.isnan(bound) for bound in one.interval())
    assert none.n == 0
    assert math.isnan(none.mean)


def test_equal_values_have_no_spread_at_all() -> None:
    assert Summary.of([0.1] * 3).sd == 0.0  # a naive sum of squares gives 1.7e-17
