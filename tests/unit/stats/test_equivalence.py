import numpy as np
import pytest

from lets.stats.paired import Paired, equivalence


def paired(*differences: float) -> Paired:
    return Paired(dict(enumerate(differences)))


def test_worked_example() -> None:
    """Mean 0, sd 1 of three: t = ±√3 for a margin of 1; one-sided p of 2 degrees of freedom: ½ - t/(2√(2 + t²))."""
    found = equivalence(paired(-1.0, 0.0, 1.0), 1.0)
    wanted = 0.5 - 3**0.5 / (2 * 5**0.5)
    assert (found.p_lower, found.p_upper, found.p) == (pytest.approx(wanted),) * 3
    assert found.interval == (pytest.approx(-1.6859, abs=1e-4), pytest.approx(1.6859, abs=1e-4))  # 2.92/√3


@pytest.mark.parametrize("mean", [-0.3, 0.0, 0.4])
def test_agrees_with_statsmodels(mean: float) -> None:
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    draw = np.random.default_rng(3)
    first, second = draw.normal(95 + mean, 0.3, 7), draw.normal(95, 0.3, 7)
    found = equivalence(Paired.of(dict(enumerate(first.tolist())), dict(enumerate(second.tolist()))), 0.5)
    p, lower, upper = weightstats.ttost_paired(first, second, -0.5, 0.5)
    assert (found.p_lower, found.p_upper) == (pytest.approx(lower[1]), pytest.approx(upper[1]))
    assert found.p == pytest.approx(p)


@pytest.mark.parametrize("margin", [0.2, 0.5, 0.9, 1.5])
def test_it_rejects_exactly_when_the_interval_lies_within_the_margin(margin: float) -> None:
    found = equivalence(paired(0.1, 0.5, -0.4, 0.3, 0.2), margin)
    assert found.interval is not None
    assert found.p is not None
    low, high = found.interval
    assert (found.p < 0.05) == (-margin < low and high < margin)


@pytest.mark.parametrize("differences", [(), (0.1,), (0.2, 0.2)])
def test_without_a_variance_nothing_is_equivalent(differences: tuple[float, ...]) -> None:
    found = equivalence(paired(*differences), 1.0)
    assert (found.p, found.p_lower, found.p_upper, found.interval) == (None,) * 4


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan")])
def test_a_margin_is_above_zero(margin: float) -> None:
    with pytest.raises(ValueError, match="state one above 0"):
        equivalence(paired(1.0, 2.0), margin)


def test_methods_that_differ_by_the_margin_rarely_pass_as_equivalent() -> None:
    draw = np.random.default_rng(0)
    passed = 0
    for _ in range(1000):
        found = equivalence(Paired(dict(enumerate(draw.normal(1.0, 0.4, 8).tolist()))), 1.0)
        passed += (found.p or 0) < 0.05
    assert passed / 1000 == pytest.approx(0.05, abs=0.02)
