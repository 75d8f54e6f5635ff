import numpy as np
import pytest
import scipy.stats

from lets.stats.ranks import improvement


def test_worked_example() -> None:
    """Of 2 × 2 comparisons the first task wins three and ties one, the second loses all."""
    found = improvement([[3.0, 2.0], [0.0, 0.1]], [[1.0, 2.0], [5.0, 6.0]])
    assert found is not None
    assert found.probability == (3.5 / 4 + 0) / 2


def test_lower_is_better() -> None:
    found = improvement([[3.0, 2.0]], [[1.0, 2.0]], higher_is_better=False)
    assert found is not None
    assert found.probability == 0.5 / 4


def test_ties_that_rounding_breaks_count_half() -> None:
    found = improvement([[0.1 + 0.2]], [[0.3]])
    assert found is not None
    assert (found.probability, found.interval) == (0.5, None)  # one run of each: nothing to draw from


def test_it_is_the_u_statistic_averaged_over_tasks() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.normal(0.3, 1, (4, 5)).round(1), draw.normal(0, 1, (4, 3)).round(1)
    wanted = np.mean([scipy.stats.mannwhitneyu(a, b).statistic / 15 for a, b in zip(x, y, strict=True)])
    found = improvement(x.tolist(), y.tolist())
    assert found is not None
    assert found.probability == pytest.approx(wanted, rel=1e-12)


def test_the_bootstrap_draws_runs_within_each_task() -> None:
    """Six tasks, of x one run wins and one loses: the mean is a binomial of 12 draws, whatever the tasks' levels."""
    levels = [1.0, 100.0, 7.0, -3.0, 0.5, 20.0]
    found = improvement([[a - 1, a + 1] for a in levels], [[a] for a in levels])
    assert found is not None
    wanted = [quantile / 12 for quantile in scipy.stats.binom.ppf([0.025, 0.975], 12, 0.5)]
    assert found.interval == (pytest.approx(wanted[0]), pytest.approx(wanted[1]))
    both = improvement([[a] for a in levels], [[a - 1, a + 1] for a in levels])
    assert both is not None
    assert both.interval == found.interval


def test_the_same_runs_give_the_same_interval_whatever_was_drawn_before() -> None:
    x, y = [[1.0, 2.0, 3.0]], [[1.5, 2.5, 0.5]]
    np.random.seed(1)
    first = improvement(x, y)
    np.random.random(10)
    assert improvement(x, y) == first


def test_without_a_task() -> None:
    assert improvement([], []) is None


def test_intervals_cover_about_as_often_as_they_say() -> None:
    draw = np.random.default_rng(0)
    truth = scipy.stats.norm.cdf(0.5 / 2**0.5)  # P(X > Y) of N(0.5, 1) and N(0, 1)
    covered = 0
    for _ in range(200):
        found = improvement(draw.normal(0.5, 1, (5, 8)).tolist(), draw.normal(0, 1, (5, 8)).tolist())
        assert found is not None
        assert found.interval is not None
        covered += found.interval[0] <= truth <= found.interval[1]
    assert covered / 200 == pytest.approx(0.95, abs=0.045)
