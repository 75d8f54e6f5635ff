import numpy as np
import pytest

from lets.stats.paired import Paired, holm


def test_worked_example() -> None:
    """Four p values: 4 × .005, 3 × .01, 2 × .03, and .04 may not be below the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_what_was_not_tested_is_no_member_of_the_family() -> None:
    assert holm([0.01, None, 0.02, None]) == [0.02, None, 0.02, None]
    assert holm([None]) == [None]
    assert holm([]) == []


def test_nothing_exceeds_one() -> None:
    assert holm([0.6, 0.9, 0.7]) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_statsmodels(seed: int) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    values = np.random.default_rng(seed).beta(0.5, 3, 12).round(2).tolist()  # rounded: some are equal
    assert holm(values) == pytest.approx(multitest.multipletests(values, method="holm")[1].tolist())


def test_a_family_of_true_null_hypotheses_rarely_shows_a_difference() -> None:
    draw = np.random.default_rng(0)
    plain, corrected = 0, 0
    for _ in range(500):
        tests = [Paired(dict(enumerate(draw.normal(0, 1, 4).tolist()))).t_p for _ in range(8)]
        plain += min(p or 1 for p in tests) < 0.05
        corrected += min(p or 1 for p in holm(tests)) < 0.05
    assert corrected / 500 == pytest.approx(0.05, abs=0.03)
    assert plain / 500 == pytest.approx(1 - 0.95**8, abs=0.065)  # 34 %
