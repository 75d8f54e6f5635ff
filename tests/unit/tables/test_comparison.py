"""Which runs a comparison pairs, and the family that its correction is over."""

from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.errors import SpecError
from lets.tables.comparison import Compared, Pair

CLEAN = {
    "datasets": ["digits"],
    "architectures": ["resnet-small", "vit-small"],
    "methods": ["erm", "sam", "lets-sam", "asam", "lets-asam"],
    "seeds": [0, 1, 2],
}
NOISE = {
    **CLEAN,
    "noise": ["symmetric-40"],
    "architectures": ["resnet-small"],
    "methods": ["lets-sam", "sam", "asam"],
}
ITEM = {"kind": "comparison", "title": "Pairs", "experiments": ["clean", "noise"]}


def project(root: Path, **item: object) -> Project:
    return Project(root, experiments={"clean": CLEAN, "noise": NOISE}, tables={"pairs": {**ITEM, **item}})


def compared(project: Project) -> Compared:
    return project.params.tables["pairs"].compare(project.now)


def fill(project: Project, method: str, *accuracies: float, gap: float = 0.25, **where: str) -> None:
    place = {"architecture": "resnet-small", "noise": "clean", **where}
    for seed, accuracy in enumerate(accuracies):
        project.finish(project.run(method=method, seed=seed, **place), accuracy, gap=gap)


def named(pair: Pair) -> tuple[str, ...]:
    return pair.method, pair.against, *pair.setting[1:]


def test_every_learned_radius_against_its_base_in_every_setting(tmp_path: Path) -> None:
    assert [named(pair) for pair in compared(project(tmp_path)).pairs] == [
        ("lets-sam", "sam", "clean", "resnet-small"),
        ("lets-sam", "sam", "clean", "vit-small"),
        ("lets-sam", "sam", "symmetric-40", "resnet-small"),
        ("lets-asam", "asam", "clean", "resnet-small"),
        ("lets-asam", "asam", "clean", "vit-small"),
    ]


def test_named_pairs(tmp_path: Path) -> None:
    p = project(tmp_path, pairs=[["sam", "erm"], ["asam", "sam"]], where={"architecture": ["vit-small"]})
    found = [named(pair) for pair in compared(p).pairs]
    assert found == [("sam", "erm", "clean", "vit-small"), ("asam", "sam", "clean", "vit-small")]


def test_seeds_are_paired_by_their_number(tmp_path: Path) -> None:
    p = project(tmp_path)
    fill(p, "lets-sam", 95.0, 96.0, 97.0)
    fill(p, "sam", 94.0, 94.0, 94.0)
    p.layout.run_file(
        p.run(method="sam", seed=0, architecture="resnet-small", noise="clean").id, "metrics.json"
    ).unlink()
    p.diverge(p.run(method="lets-sam", seed=1, architecture="resnet-small", noise="clean"))
    pair = compared(p).pairs[0]
    assert pair.paired.differences == {2: 3.0}
    assert pair.seeds == [0, 1, 2]
    assert [run.state for run in pair.runs] == [
        "finished",
        "diverged",
        "finished",
        "partial",
        *2 * ["finished"],
    ]


def test_seeds_that_one_method_was_not_asked_for_are_not_missing(tmp_path: Path) -> None:
    more = {**CLEAN, "methods": ["sam"], "seeds": [0, 1, 7]}
    few = {**CLEAN, "methods": ["lets-sam"], "seeds": [7, 0, 3]}
    p = Project(tmp_path, experiments={"clean": more, "noise": few}, tables={"pairs": ITEM})
    assert compared(p).pairs[0].seeds == [7, 0]


def test_the_family_is_every_test_of_two_methods(tmp_path: Path) -> None:
    """Differences 1, 2, 3 have t = 2√3, p = 0.0742; 2.9, 3, 3.1 have t = 30√3, p = 0.00037; one is not tested."""
    p = project(tmp_path)
    fill(p, "sam", 90.0, 90.0, 90.0)
    fill(p, "lets-sam", 91.0, 92.0, 93.0)
    fill(p, "asam", 90.0, 90.0, 90.0)
    fill(p, "lets-asam", 92.9, 93.0, 93.1)
    fill(p, "sam", 50.0, 50.0, 50.0, noise="symmetric-40")
    fill(p, "lets-sam", 52.9, 53.0, 53.1, noise="symmetric-40")
    found = compared(p)
    first, other = 1 - 12**0.5 / 14**0.5, 1 - 2700**0.5 / 2702**0.5
    twice, once = (pytest.approx(times * other, rel=1e-6) for times in (2, 1))
    assert found.corrected == (pytest.approx(first), None, twice, once, None)
    assert len(found.runs) == 5 * 2 * 3


def test_another_metric(tmp_path: Path) -> None:
    p = project(tmp_path, metric="generalization_gap")
    fill(p, "sam", 90.0, 90.0, gap=0.5)
    fill(p, "lets-sam", 90.0, 90.0, gap=0.25)
    assert compared(p).pairs[0].paired.differences == {0: -0.25, 1: -0.25}


def test_only_runs_with_a_partner_are_shown(tmp_path: Path) -> None:
    p = project(tmp_path)
    shown = p.params.tables["pairs"].select(p.matrix)
    assert {run.method for run in shown} == {"sam", "lets-sam", "asam", "lets-asam"}
    alone = ("/erm/", "symmetric-40/resnet-small/asam/")
    assert [run.id for run in shown] == [id for id in p.matrix.runs if not any(one in id for one in alone)]


def test_two_variants_of_one_method_are_refused(tmp_path: Path) -> None:
    experiments = {"clean": CLEAN, "noise": {**CLEAN, "methods": ["sam"], "vary": {"rho": [0.5]}}}
    with pytest.raises(SpecError, match=r"its runs differ in rho, .* where: \{rho: \[0\.05\]\}"):
        Project(tmp_path, experiments=experiments, tables={"pairs": ITEM})
