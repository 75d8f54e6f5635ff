"""Which settings a ranking counts, and what it makes of them."""

from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.errors import SpecError
from lets.tables.ranking import Ranked

METHODS = ["sam", "erm", "lets-sam"]
CLEAN = {
    "datasets": ["digits"],
    "architectures": ["resnet-small", "vit-small", "wrn-small"],
    "methods": METHODS,
}
ITEM = {"kind": "ranking", "title": "Ranks", "experiments": ["clean"]}
ACCURACIES = {
    "resnet-small": {"sam": (92.0, 94.0), "erm": (90.0, 91.0), "lets-sam": (93.0, 95.0)},
    "vit-small": {"sam": (70.0, 74.0), "erm": (71.0, 73.0), "lets-sam": (80.0, 80.0)},
    "wrn-small": {"sam": (96.0, 98.0), "erm": (94.0, 94.0), "lets-sam": (95.0, 95.0)},
}
"""ranks of sam, erm, lets-sam: 2 3 1, 2.5 2.5 1, 1 3 2"""


def project(root: Path, experiments: dict[str, object] | None = None, **item: object) -> Project:
    table = {**ITEM, "experiments": list(experiments or {"clean": 0}), **item}
    made = Project(root, experiments=experiments or {"clean": CLEAN}, tables={"ranks": table})
    for run in made.runs(noise="clean"):
        accuracy = ACCURACIES[run.architecture].get(run.method, (50.0, 50.0))[run.seed]
        made.finish(run, accuracy, gap=accuracy / 100)
    return made


def ranked(project: Project) -> Ranked:
    return project.params.tables["ranks"].rank(project.now)


def test_worked_example(tmp_path: Path) -> None:
    found = ranked(project(tmp_path))
    assert [(one.method, one.rank) for one in found.standings] == [
        ("lets-sam", pytest.approx(4 / 3)),
        ("sam", pytest.approx(5.5 / 3)),
        ("erm", pytest.approx(8.5 / 3)),
    ]
    assert found.standings[1].mean == pytest.approx((93 + 72 + 97) / 3)
    # 12·3/(3·4) Σ(R - 2)² = 3.5, over 1 - (2³ - 2)/(3 (3³ - 3)) = 11/12 for the tie
    assert found.friedman is not None
    assert found.friedman.statistic == pytest.approx(3.5 * 12 / 11)
    assert found.distance == pytest.approx(2.343 * (3 * 4 / 18) ** 0.5, rel=5e-4)
    assert len(found.counted) == 3
    assert found.incomplete == {}


def test_improvement_is_over_the_reference(tmp_path: Path) -> None:
    """lets-sam beats sam in 3 of 4 comparisons of the first architecture, in all of the second, none of the third."""
    better, reference, worse = ranked(project(tmp_path)).standings
    assert (reference.method, reference.improvement) == ("sam", None)
    assert better.improvement is not None
    assert better.improvement.probability == pytest.approx((3 / 4 + 1 + 0) / 3)
    assert worse.improvement is not None
    assert worse.improvement.probability == pytest.approx((0 + 1 / 2 + 0) / 3)
    named = {one.method: one.improvement for one in ranked(project(tmp_path, reference="erm")).standings}
    assert named["erm"] is None
    assert named["sam"] is not None
    assert named["sam"].probability == 1 - worse.improvement.probability


def test_lower_is_better_for_a_gap(tmp_path: Path) -> None:
    found = ranked(project(tmp_path, metric="generalization_gap"))
    assert [one.method for one in found.standings] == ["erm", "sam", "lets-sam"]
    assert found.standings[0].improvement is not None
    assert found.standings[0].improvement.probability == pytest.approx(1 - (1 / 2) / 3)


def test_a_setting_without_all_runs_is_left_out(tmp_path: Path) -> None:
    p = project(tmp_path)
    p.layout.run_file(p.run(method="erm", seed=1, architecture="vit-small").id, "metrics.json").unlink()
    p.diverge(p.run(method="sam", seed=0, architecture="wrn-small"))
    found = ranked(p)
    assert found.counted == (("digits", "clean", "resnet-small"),)
    assert found.incomplete == {
        ("digits", "clean", "vit-small"): ("erm",),
        ("digits", "clean", "wrn-small"): ("sam",),
    }
    assert [one.rank for one in found.standings] == [1, 2, 3]
    assert (found.friedman, found.distance) == (None, None)
    assert len(found.runs) == 18


def test_a_method_that_was_not_run_in_a_setting_leaves_it_out(tmp_path: Path) -> None:
    fewer = {**CLEAN, "architectures": ["wrn-small"], "methods": ["sam", "lets-sam"]}
    p = project(tmp_path, {"clean": {**CLEAN, "architectures": ["resnet-small"]}, "fewer": fewer})
    assert ranked(p).incomplete == {("digits", "clean", "wrn-small"): ("erm",)}


def test_no_setting_has_all_runs(tmp_path: Path) -> None:
    p = project(tmp_path, {"noise": {**CLEAN, "noise": ["symmetric-40"]}})
    found = ranked(p)
    assert [one.method for one in found.standings] == METHODS
    assert {(one.rank, one.mean, one.improvement) for one in found.standings} == {(None, None, None)}
    assert (found.counted, found.friedman) == ((), None)


def test_two_variants_of_one_method_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="differ in rho"):
        project(tmp_path, {"clean": CLEAN, "radii": {**CLEAN, "methods": ["sam"], "vary": {"rho": [0.5]}}})
