"""Learned radii against fixed ones: which runs are compared, and what a best radius is worth."""

from pathlib import Path

import pytest
import scipy.stats
from tests.golden.factory import TRAINING, Project

from lets.config.effort import passes
from lets.errors import SpecError
from lets.tables.baselines import Against, against_fixed

STARTS = [0.05, 0.5]
PLACE = {"datasets": ["digits"], "architectures": ["resnet-small"], "vary": {"rho": STARTS}}
ITEM = {"kind": "baselines", "title": "Baselines", "experiments": ["lets", "fixed", "longer"]}


def project(root: Path, **item: object) -> Project:
    experiments = {
        "lets": {**PLACE, "methods": ["lets-sam"]},
        "fixed": {**PLACE, "methods": ["sam"]},
        "longer": {**PLACE, "methods": ["sam"], "training": {"epochs": 3}},
    }
    training = {**TRAINING, "val_batches": "next"}
    return Project(
        root,
        seeds=[0, 1, 2],
        training=training,
        experiments=experiments,
        tables={"against": {**ITEM, **item}},
    )


def fill(p: Project, method: str, epochs: int, *by_seed: tuple[float, float]) -> None:
    for seed, values in enumerate(by_seed):
        for rho, value in zip(STARTS, values, strict=True):
            (run,) = [
                one for one in p.runs(method=method, rho=rho, seed=seed) if one.training.epochs == epochs
            ]
            p.finish(run, value)


def rows(p: Project) -> dict[str, Against]:
    found = against_fixed(p.params.tables["against"], "test_accuracy", p.now)
    return {row.baseline: row for row in found.rows}


@pytest.fixture
def filled(tmp_path: Path) -> Project:
    p = project(tmp_path)
    fill(p, "lets-sam", 2, (91.0, 92.0), (90.0, 90.0), (93.0, 92.5))
    fill(p, "sam", 2, (90.0, 90.5), (89.0, 91.0), (92.0, 85.0))
    fill(p, "sam", 3, (91.5, 91.5), (91.0, 91.0), (93.0, 91.0))
    return p


def test_at_its_start_the_mean_over_starts_is_compared_seed_by_seed(filled: Project) -> None:
    row = rows(filled)["start"]
    assert row.paired.differences == {0: 1.25, 1: 0.0, 2: 4.25}
    wanted = scipy.stats.ttest_rel([91.5, 90.0, 92.75], [90.25, 90.0, 88.5])
    assert row.paired.t_p == pytest.approx(wanted.pvalue, rel=1e-12)
    assert row.passes == 3 * row.baseline_passes / 2


def test_the_best_radius_is_chosen_by_the_other_seeds_and_costs_the_grid(filled: Project) -> None:
    """Means of seeds 1 and 2: 90.5 and 88, so seed 0 has 90.0; of 0 and 2: 91 and 87.75; of 0 and 1: 89.5, 90.75."""
    row = rows(filled)["best"]
    assert row.paired.differences == {0: 91.5 - 90.0, 1: 90.0 - 89.0, 2: 92.75 - 85.0}
    assert row.baseline_passes == 2 * 2 * row.passes / 3
    assert len(row.fixed) == 6


def test_at_equal_passes_the_longer_training_is_compared(filled: Project) -> None:
    row = rows(filled)["passes"]
    assert row.paired.differences == {0: 0.0, 1: -1.0, 2: 0.75}
    assert row.passes == row.baseline_passes
    assert {run.spec.training.epochs for run in row.fixed} == {3}


def test_what_is_compared_stands_beside_it(filled: Project) -> None:
    for row in rows(filled).values():
        assert {run.spec.method for run in row.fixed} == {"sam"}
        assert len(row.runs) == len(row.fixed) + 6


def test_without_a_longer_training_there_is_no_such_row(tmp_path: Path) -> None:
    p = project(tmp_path, experiments=["lets", "fixed"])
    assert list(rows(p)) == ["start", "best"]
    assert all(row.paired.n == 0 for row in rows(p).values())


def test_of_one_seed_no_radius_is_the_best(tmp_path: Path) -> None:
    p = project(tmp_path)
    fill(p, "lets-sam", 2, (91.0, 92.0))
    fill(p, "sam", 2, (90.0, 90.5))
    assert rows(p)["start"].paired.n == 1
    assert rows(p)["best"].paired.n == 0


def test_four_passes_a_step_are_compared_with_twice_the_epochs(tmp_path: Path) -> None:
    experiments = {
        "lets": {**PLACE, "methods": ["lets-sam"]},
        "longer": {**PLACE, "methods": ["sam"], "training": {"epochs": 4}},
        "much-longer": {**PLACE, "methods": ["sam"], "training": {"epochs": 5}},
    }
    item = {**ITEM, "experiments": list(experiments)}
    p = Project(tmp_path, experiments=experiments, tables={"against": item})
    row = rows(p)["passes"]
    assert {run.spec.training.epochs for run in row.fixed} == {4}
    assert {passes(run.spec) for run in row.runs} == {row.passes}


def test_without_a_fixed_radius_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no run of sam with a fixed radius"):
        project(tmp_path, experiments=["lets"])
