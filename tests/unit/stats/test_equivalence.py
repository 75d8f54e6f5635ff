import numpy as np
import pytest

from lets.stats.paired import Paired, equivalence_p


def paired(*differences: float) -> Paired:
    return Paired(dict(enumerate(differences)))


def test_worked_example() -> None:
    """Mean 0, sd 1 of three: t = ±√3 for a margin of 1; one-sided p of 2 degrees of freedom: ½ - t/(2√(2 + t²))."""
    assert equivalence_p(paired(-1.0, 0.0, 1.0), 1.0) == pytest.approx(0.5 - 3**0.5 / (2 * 5**0.5))


@pytest.mark.parametrize("mean", [-0.3, 0.0, 0.4])
def test_agrees_with_statsmodels(mean: float) -> None:
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    draw = np.random.default_rng(3)
    first, second = draw.normal(95 + mean, 0.3, 7), draw.normal(95, 0.3, 7)
    found = equivalence_p(Paired.of(dict(enumerate(first.tolist())), dict(enumerate(second.tolist()))), 0.5)
    assert found == pytest.approx(weightstats.ttost_paired(first, second, -0.5, 0.5)[0])


@pytest.mark.parametrize("margin", [0.2, 0.5, 0.9, 1.5])
def test_it_rejects_exactly_when_the_interval_lies_within_the_margin(margin: float) -> None:
    sample = paired(0.1, 0.5, -0.4, 0.3, 0.2)
    low, high = sample.interval(0.9) or (0.0, 0.0)
    found = equivalence_p(sample, margin)
    assert found is not None
    assert (found < 0.05) == (-margin < low and high < margin)


@pytest.mark.parametrize("differences", [(), (0.1,), (0.2, 0.2)])
def test_without_a_variance_nothing_is_equivalent(differences: tuple[float, ...]) -> None:
    assert equivalence_p(paired(*differences), 1.0) is None


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan")])
def test_a_margin_is_above_zero(margin: float) -> None:
    with pytest.raises(ValueError, match="state one above 0"):
        equivalence_p(paired(1.0, 2.0), margin)


def test_methods_that_differ_by_the_margin_rarely_pass_as_equivalent() -> None:
    draw = np.random.default_rng(0)
    samples = (Paired(dict(enumerate(draw.normal(1.0, 0.4, 8).tolist()))) for _ in range(1000))
    passed = sum((equivalence_p(sample, 1.0) or 0) < 0.05 for sample in samples)
    assert passed / 1000 == pytest.approx(0.05, abs=0.02)
