"""Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006)."""

import pytest

from lets.stats.ranks import average_ranks, friedman, nemenyi_distance

# Table 6: AUC of four decision trees on 14 data sets. Of voting the paper prints .975 twice and ranks 2 and 3.
AUC = (
    (0.763, 0.768, 0.771, 0.798),
    (0.599, 0.591, 0.590, 0.569),
    (0.954, 0.971, 0.968, 0.967),
    (0.628, 0.661, 0.654, 0.657),
    (0.882, 0.888, 0.886, 0.898),
    (0.936, 0.931, 0.916, 0.931),
    (0.661, 0.668, 0.609, 0.685),
    (0.583, 0.583, 0.563, 0.625),
    (0.775, 0.838, 0.866, 0.875),
    (1.000, 1.000, 1.000, 1.000),
    (0.940, 0.962, 0.965, 0.962),
    (0.619, 0.666, 0.614, 0.669),
    (0.972, 0.981, 0.9751, 0.975),
    (0.957, 0.978, 0.946, 0.970),
)


def test_average_ranks_of_the_worked_example() -> None:
    assert [round(rank, 3) for rank in average_ranks(AUC)] == [3.143, 2.000, 2.893, 1.964]


def test_lower_is_better() -> None:
    losses = [[1 - value for value in row] for row in AUC]
    assert average_ranks(losses, higher_is_better=False) == average_ranks(AUC)


def test_ties_that_rounding_breaks_share_a_rank() -> None:
    assert average_ranks([[0.1 + 0.2, 0.3, 0.2]]) == [1.5, 1.5, 3.0]


def test_friedman_of_the_worked_example() -> None:
    """The paper prints 9.28 and does not correct for ties: two pairs of 4, one of 3 times 2, one of all four."""
    ranks = average_ranks(AUC)
    plain = 12 * 14 / (4 * 5) * (sum(rank**2 for rank in ranks) - 4 * 5**2 / 4)
    assert plain == pytest.approx(9.28, abs=0.005)
    ties = 3 * (2**3 - 2) + (4**3 - 4)  # iris, lung cancer, primary tumor; mushroom
    found = friedman(AUC)
    assert found is not None
    assert found.statistic == pytest.approx(plain / (1 - ties / (14 * (4**3 - 4))), rel=1e-12)
    assert 0.01 < found.p < 0.02  # between the quantiles 9.84 and 11.34 of χ² with three degrees of freedom


@pytest.mark.parametrize(
    "scores", [[], [[1.0, 2.0, 3.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 1.0, 1.0], [0.3, 0.1 + 0.2, 0.3]]]
)
def test_nothing_to_test(scores: list[list[float]]) -> None:
    assert friedman(scores) is None


def test_nemenyi_distance_of_the_worked_example() -> None:
    assert nemenyi_distance(4, 14) == pytest.approx(1.25, abs=0.005)
    assert nemenyi_distance(4, 14, alpha=0.1) == pytest.approx(1.12, abs=0.005)


def test_quantiles_of_table_5() -> None:
    """The critical values q of 2 to 10 classifiers; the distance is q √(k (k + 1)/(6 N))."""
    printed = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)
    for methods, q in enumerate(printed, start=2):
        distance = nemenyi_distance(methods, 10)
        assert distance == pytest.approx(q * (methods * (methods + 1) / 60) ** 0.5, rel=5e-4)


@pytest.mark.parametrize(("methods", "settings"), [(1, 5), (3, 1), (3, 0)])
def test_no_distance(methods: int, settings: int) -> None:
    assert nemenyi_distance(methods, settings) is None
