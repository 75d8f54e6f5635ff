"""Where learned radii go, and whether their start matters: against closed forms, scipy and statsmodels."""

from math import exp, log, sqrt
from pathlib import Path

import numpy
import pytest
import scipy.stats
from statsmodels.stats.weightstats import DescrStatsW
from tests.golden.factory import Project, epoch_row

from lets.errors import SpecError
from lets.tables.initial_radii import Drift, Drifts, start_matters

STARTS = [0.01, 0.1, 1.0]
GRID = {
    "datasets": ["digits"],
    "architectures": ["resnet-small"],
    "methods": ["lets-sam"],
    "vary": {"rho": STARTS},
}
ITEM = {"kind": "starts", "title": "Starts", "experiments": ["adam"], "margin": 1.0}


def project(root: Path, **item: object) -> Project:
    experiments = {
        "adam": {**GRID, "title": "by Adam"},
        "letter": {**GRID, "hyperparameters": {"lets-sam": {"preset": "paper-literal"}}},
    }
    return Project(root, seeds=[0, 1, 2], experiments=experiments, tables={"starts": {**ITEM, **item}})


def found(p: Project) -> Drifts:
    return p.params.tables["starts"].drifts(p.now)


def only(p: Project) -> Drift:
    (drift,) = found(p).drifts
    return drift


def finish(p: Project, start: float, seed: int, end: float, accuracy: float, optimizer: str = "adam") -> None:
    run = p.run(rho=start, seed=seed, rho_optimizer=optimizer)
    p.write(run, [epoch_row(1, 50.0, rho=start), epoch_row(2, accuracy, rho=end)])


def fill(p: Project, ends: list[list[float]], accuracies: list[list[float]]) -> None:
    """A row per seed, a number per start."""
    for seed, (radii, values) in enumerate(zip(ends, accuracies, strict=True)):
        for start, end, accuracy in zip(STARTS, radii, values, strict=True):
            finish(p, start, seed, end, accuracy)


def test_a_radius_that_stands_still_has_moved_by_nothing_and_remembers_all(tmp_path: Path) -> None:
    p = project(tmp_path)
    fill(p, [STARTS] * 3, [[90.0] * 3] * 3)
    drift = only(p)
    assert (drift.moved.mean, drift.moved.sd) == (0.0, 0.0)
    assert drift.sensitivity.mean == pytest.approx(1, abs=1e-15)
    assert drift.ends == (0.01, 1.0)


def test_radii_that_meet_remember_nothing(tmp_path: Path) -> None:
    p = project(tmp_path)
    fill(p, [[0.1] * 3, [0.2] * 3, [0.05] * 3], [[90.0] * 3] * 3)
    drift = only(p)
    assert drift.sensitivity.mean == pytest.approx(0, abs=1e-15)
    assert drift.ends == (0.05, 0.2)
    # |ln| of 10, 1, 10; of 20, 2, 5; of 5, 2, 20
    by_seed = [2 * log(10) / 3, log(20 * 2 * 5) / 3, log(5 * 2 * 20) / 3]
    assert drift.moved.mean == pytest.approx(numpy.mean(by_seed), rel=1e-14)
    low, high = scipy.stats.t.interval(0.95, 2, numpy.mean(by_seed), numpy.std(by_seed, ddof=1) / sqrt(3))
    assert drift.moved.interval() == pytest.approx((low, high), rel=1e-12)


def test_memory_is_the_slope_that_scipy_finds(tmp_path: Path) -> None:
    p = project(tmp_path)
    ends = [[0.02, 0.07, 0.9], [0.015, 0.3, 0.5], [0.03, 0.1, 1.4]]
    fill(p, ends, [[90.0] * 3] * 3)
    slopes = [scipy.stats.linregress(numpy.log(STARTS), numpy.log(radii)).slope for radii in ends]
    assert only(p).sensitivity.mean == pytest.approx(numpy.mean(slopes), rel=1e-12)
    assert only(p).sensitivity.sd == pytest.approx(numpy.std(slopes, ddof=1), rel=1e-12)


def test_starts_that_are_the_same_by_tost_do_not_matter(tmp_path: Path) -> None:
    p = project(tmp_path)
    accuracies = [[90.00, 90.10, 90.05], [92.00, 92.02, 91.95], [88.00, 88.05, 88.10]]
    fill(p, [STARTS] * 3, accuracies)
    columns = numpy.array(accuracies).T
    pairs = [(0, 1), (0, 2), (1, 2)]
    wanted = max(DescrStatsW(columns[a] - columns[b]).ttost_mean(-1, 1)[0] for a, b in pairs)
    every = found(p)
    assert every.drifts[0].p == pytest.approx(wanted, rel=1e-9)
    assert every.drifts[0].spread == pytest.approx(0.17 / 3)
    assert start_matters(every.drifts[0], every.corrected[0]) == "no"


def test_starts_that_differ_by_more_than_the_margin_matter(tmp_path: Path) -> None:
    p = project(tmp_path)
    accuracies = [[90.0, 85.0, 90.1], [92.0, 87.1, 92.0], [88.0, 83.0, 88.0]]
    fill(p, [STARTS] * 3, accuracies)
    columns = numpy.array(accuracies).T
    beyond = [
        2 * scipy.stats.ttest_1samp(columns[a] - columns[b], sign, alternative=side).pvalue
        for a, b, sign, side in ((0, 1, 1, "greater"), (1, 2, -1, "less"))
    ]
    every = found(p)
    assert every.drifts[0].p == pytest.approx(3 * min(beyond), rel=1e-9)
    assert start_matters(every.drifts[0], every.corrected[0]) == "yes"


def test_two_seeds_that_scatter_leave_it_open(tmp_path: Path) -> None:
    p = project(tmp_path)
    fill(p, [STARTS] * 3, [[90.0, 91.0, 90.5], [92.0, 90.5, 91.0], [88.0, 88.9, 89.0]])
    every = found(p)
    assert start_matters(every.drifts[0], every.corrected[0]) == "undecided"


def test_a_seed_counts_when_all_of_its_starts_have_finished(tmp_path: Path) -> None:
    p = project(tmp_path)
    fill(p, [STARTS, [exp(1) * start for start in STARTS]], [[90.0] * 3, [80.0] * 3])
    finish(p, 0.01, 2, 5.0, 10.0)
    p.diverge(p.run(rho=0.1, seed=2, rho_optimizer="adam"))
    drift = only(p)
    assert drift.learned.seeds == [0, 1]
    assert drift.moved.mean == pytest.approx(0.5)
    assert {summary.mean for summary in drift.by_initial_radius.values()} == {85.0}


def test_nothing_finished_says_nothing(tmp_path: Path) -> None:
    every = found(project(tmp_path))
    drift = every.drifts[0]
    assert (drift.ends, drift.p, drift.spread, drift.moved.n) == (None, None, None, 0)
    assert start_matters(drift, every.corrected[0]) == "undecided"


def test_experiments_are_rows_and_their_tests_one_family(tmp_path: Path) -> None:
    p = project(tmp_path, experiments=["letter", "adam"])
    same = [[90.00, 90.10, 90.05], [92.00, 92.02, 91.95], [88.00, 88.05, 88.10]]
    fill(p, [STARTS] * 3, same)
    for seed, values in enumerate(same):
        for start, value in zip(STARTS, values, strict=True):
            finish(p, start, seed, start, value, "sgd")
    every = found(p)
    assert [(one.learned.experiment, one.learned.title) for one in every.drifts] == [
        ("letter", "letter"),
        ("adam", "by Adam"),
    ]
    assert every.corrected == (2 * every.drifts[0].p,) * 2


def test_what_does_not_learn_its_radius_is_refused(tmp_path: Path) -> None:
    experiments = {"fixed": {**GRID, "methods": ["sam"]}}
    with pytest.raises(SpecError, match="none of sam learns its radius"):
        Project(tmp_path, experiments=experiments, tables={"starts": {**ITEM, "experiments": ["fixed"]}})


def test_a_reading_of_two_settings_is_refused(tmp_path: Path) -> None:
    experiments = {"adam": {**GRID, "vary": {"rho": STARTS, "rho_every": [1, 2]}}}
    with pytest.raises(SpecError, match="differ in rho_every, not in seed and rho alone"):
        Project(tmp_path, experiments=experiments, tables={"starts": ITEM})
