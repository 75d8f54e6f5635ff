import itertools

import numpy as np
import pytest
import scipy.stats

from lets.stats.paired import EXACT, Paired, least_permutation_p


def of(*differences: float) -> Paired:
    return Paired.of(dict(enumerate(differences)), dict.fromkeys(range(len(differences)), 0.0))


def sample(seed: int, n: int, mean: float = 0.3) -> tuple[dict[int, float], dict[int, float]]:
    draw = np.random.default_rng(seed)
    base = draw.normal(95, 1, n)
    return dict(enumerate((base + draw.normal(mean, 0.5, n)).tolist())), dict(enumerate(base.tolist()))


def test_only_shared_seeds_count() -> None:
    paired = Paired.of({0: 5.0, 1: 7.0, 3: 9.0}, {1: 6.5, 2: 1.0, 0: 5.5})
    assert paired.differences == {0: -0.5, 1: 0.5}
    assert (paired.n, paired.mean) == (2, 0.0)


def test_worked_example() -> None:
    paired = of(1.0, 2.0, 3.0)  # mean 2, sd 1, t = 2 √3 = 3.464
    assert (paired.mean, paired.sd, paired.effect) == (2.0, 1.0, 2.0)
    assert paired.interval() == (
        pytest.approx(2 - 4.3027 / 3**0.5, abs=1e-4),
        pytest.approx(4.4841, abs=1e-4),
    )
    # With two degrees of freedom the t distribution has a closed form: p = 1 - t/√(2 + t²).
    assert paired.t_p == pytest.approx(1 - 12**0.5 / 14**0.5, rel=1e-12)
    assert paired.permutation_p == 2 / 8


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_agrees_with_scipy_and_statsmodels(n: int) -> None:
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    first, second = sample(n, n)
    paired = Paired.of(first, second)
    values = list(first.values()), list(second.values())
    assert paired.t_p == pytest.approx(scipy.stats.ttest_rel(*values).pvalue, rel=1e-8)
    described = weightstats.DescrStatsW(np.subtract(*values))
    assert paired.t_p == pytest.approx(described.ttest_mean(0)[1], rel=1e-8)
    for level in (0.9, 0.95):
        assert paired.interval(level) == pytest.approx(described.tconfint_mean(1 - level), rel=1e-8)


@pytest.mark.parametrize("integers", [(3, -1, 2), (1, 2, -1, -2), (1, 2, -3, 6), (4, 4, 4, 4, -1), (0, 0, 5)])
def test_permutation_p_counts_ties_exactly(integers: tuple[int, ...]) -> None:
    """In steps of 0.1 at 95 percent, floats would break the ties that the whole numbers have."""
    patterns = itertools.product((1, -1), repeat=len(integers))
    sums = [abs(sum(s * i for s, i in zip(signs, integers, strict=True))) for signs in patterns]
    wanted = sum(one >= abs(sum(integers)) for one in sums) / len(sums)
    first = {seed: 94.9 + value / 10 for seed, value in enumerate(integers)}
    paired = Paired.of(first, dict.fromkeys(first, 94.9))
    assert paired.permutation_p == wanted
    assert Paired.of(dict.fromkeys(first, 94.9), first).permutation_p == wanted


@pytest.mark.parametrize(("n", "least"), [(2, 0.5), (3, 0.25), (5, 0.0625), (EXACT, 2 / 2**EXACT)])
def test_the_least_p(n: int, least: float) -> None:
    assert of(*map(float, range(1, n + 1))).permutation_p == least == least_permutation_p(n)


def test_many_seeds_are_sampled_the_same_way_each_time() -> None:
    first, second = sample(1, 30, mean=0.1)
    found = Paired.of(first, second).permutation_p
    assert found == Paired.of(first, second).permutation_p
    assert found == pytest.approx(
        scipy.stats.ttest_rel([*first.values()], [*second.values()]).pvalue, abs=0.03
    )


def test_no_seed_and_one() -> None:
    none, one = of(), of(0.7)
    assert (none.n, none.mean, one.n, one.mean) == (0, None, 1, 0.7)
    for paired in (none, one):
        assert not paired.testable
        assert not paired.constant
        assert {
            paired.sd,
            paired.interval(),
            paired.effect,
            paired.t_p,
            paired.permutation_p,
        } == {None}
    assert least_permutation_p(1) is None


def test_no_spread_is_said_and_not_tested() -> None:
    """95.1 - 94.9 and 95.2 - 95.0 differ by 2.8e-14: a t test of that would give p = 5e-14."""
    paired = Paired.of({0: 95.1, 1: 95.2}, {0: 94.9, 1: 95.0})
    assert paired.constant
    assert (paired.mean, paired.sd) == (pytest.approx(0.2), 0.0)
    assert (paired.t_p, paired.interval(), paired.effect) == (None, None, None)
    assert paired.permutation_p == 0.5
    equal = Paired.of({0: 95.1, 1: 95.2, 2: 0.3}, {0: 95.1, 1: 95.2, 2: 0.1 + 0.2})
    assert (equal.constant, equal.mean, equal.permutation_p) == (True, 0.0, 1.0)


def test_intervals_cover_and_tests_reject_as_often_as_they_say() -> None:
    covered, rejected, flipped = 0, 0, 0
    for seed in range(2000):
        paired = Paired.of(*sample(seed, 6))
        low, high = paired.interval() or (0, 0)
        covered += low <= 0.3 <= high
        null = Paired.of(*sample(seed, 6, mean=0.0))
        rejected += (null.t_p or 0) < 0.05
        flipped += (null.permutation_p or 0) <= 2 / 64
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)  # three standard errors
    assert rejected / 2000 == pytest.approx(0.05, abs=0.015)
    assert flipped / 2000 == pytest.approx(2 / 64, abs=0.012)
