"""Verdicts on claims, checked by hand: with two degrees of freedom the two-sided p of t is 1 - t/√(t² + 2)."""

from collections.abc import Callable, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.golden.factory import Project

from lets.claims.file import read_claims
from lets.claims.judgement import Judged, Ruling, judge, measured
from lets.errors import SpecError
from lets.runs.outcomes import read_outcome

NOISES = ["clean", "symmetric-20", "symmetric-40"]
STAND_INS = {"digits": "cifar10", "resnet-small": "resnet18", "wrn-small": "wrn28-10"}
CLAIM = {
    "section": "§4.1",
    "claim": "it is",
    "kind": "better",
    "pairs": [["lets-sam", "sam"]],
    "datasets": ["cifar10"],
    "noise": NOISES,
    "architectures": ["resnet18"],
}
EQUAL = {**CLAIM, "kind": "equivalent", "margin": 0.5}
BEST = {key: value for key, value in CLAIM.items() if key != "pairs"} | {
    "kind": "best",
    "winners": ["lets-sam"],
}


def stand_ins(grid: dict[str, Any]) -> dict[str, str]:
    return {name: STAND_INS[name] for name in (*grid["datasets"], *grid["architectures"])}


def p2(t: float) -> float:
    """Two-sided, two degrees of freedom."""
    return 1 - abs(t) / sqrt(t * t + 2)


Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(claims: dict[str, Any], seeds: Sequence[int] = (0, 1), **experiment: Any) -> Project:
        grid = {
            "datasets": ["digits"],
            "noise": NOISES,
            "architectures": ["resnet-small"],
            "methods": ["sam", "lets-sam"],
            "section": "§4.1",
        }
        content = {"clean": {**grid, **experiment}}
        project = Project(
            tmp_path, seeds=list(seeds), experiments=content, stand_ins=stand_ins(content["clean"])
        )
        project.layout.paper_claims.write_text(
            yaml.safe_dump({"claims": claims}, allow_unicode=True, sort_keys=False)
        )
        return project

    return make


def judged(project: Project) -> list[Judged]:
    claims = read_claims(project.layout.paper_claims)
    return list(judge(claims, project.now))


def fill(project: Project, differences: Sequence[float], spread: float = 1.0, **fields: Any) -> None:
    """Finish SAM at 90 ± spread, and LETS-SAM so that each setting has this mean difference."""
    for noise, difference in zip(NOISES, differences, strict=False):
        for run in project.runs(noise=noise, method="sam", **fields):
            project.finish(run, 90 + spread * run.seed)
        for run in project.runs(noise=noise, method="lets-sam", **fields):
            project.finish(run, 90 + spread * run.seed + difference + (0.25 if run.seed else -0.25))


@pytest.mark.parametrize(
    ("claim", "differences", "p", "ruling"),
    [
        (CLAIM, (1.0, 1.1, 1.2), p2(1.1 / (0.1 / sqrt(3))), Ruling.SUPPORTED),
        (CLAIM, (-1.0, -1.1, -1.2), p2(1.1 / (0.1 / sqrt(3))), Ruling.CONTRADICTED),
        (CLAIM, (1.0, 2.0, 3.0), p2(2 * sqrt(3)), Ruling.NOT_SUPPORTED),
        (CLAIM, (-1.0, -2.0, -3.0), p2(2 * sqrt(3)), Ruling.NOT_SUPPORTED),
        (CLAIM, (1.0, 1.0, 1.0), None, Ruling.NOT_SUPPORTED),
        # the larger of both one-sided p, at (0.1 - 0.5)/(0.1/√3)
        (EQUAL, (0.0, 0.1, 0.2), p2(0.4 * sqrt(3) / 0.1) / 2, Ruling.SUPPORTED),
        (EQUAL, (1.9, 2.0, 2.1), p2(1.5 * sqrt(3) / 0.1), Ruling.CONTRADICTED),
        (EQUAL, (-1.9, -2.0, -2.1), p2(1.5 * sqrt(3) / 0.1), Ruling.CONTRADICTED),
        (EQUAL, (-1.0, 0.1, 1.2), p2(0.4 * sqrt(3) / 1.1) / 2, Ruling.NOT_SUPPORTED),
        (EQUAL, (0.5, 0.7, 0.9), p2(0.2 * sqrt(3) / 0.2), Ruling.NOT_SUPPORTED),
        (BEST, (1.0, 1.1, 1.2), p2(1.1 / (0.1 / sqrt(3))), Ruling.SUPPORTED),
        (BEST, (-1.0, -1.1, -1.2), p2(1.1 / (0.1 / sqrt(3))), Ruling.CONTRADICTED),
    ],
)
def test_every_verdict_of_every_kind(
    make: Make, claim: dict[str, Any], differences: Sequence[float], p: float | None, ruling: Ruling
) -> None:
    project = make({"one": claim})
    fill(project, differences)
    (one,) = judged(project)
    assert one.tested.by_settings
    assert one.tested.units.mean == pytest.approx(sum(differences) / 3)
    assert one.tested.p == (p if p is None else pytest.approx(p, rel=1e-6))
    assert one.ruling is ruling


def test_seeds_of_a_setting_are_no_units_where_there_are_settings(make: Make) -> None:
    """Twelve seeds in three settings are three units."""
    project = make({"one": CLAIM}, seeds=range(4))
    fill(project, (1.0, 2.0, 3.0))
    (one,) = judged(project)
    assert one.tested.units.n == 3
    # every setting: differences of -.25, .25, .25, .25 from its own
    assert one.tested.units.mean == pytest.approx(2.0 + 0.125)
    assert one.tested.p == pytest.approx(p2(2.125 * sqrt(3)))


def test_of_two_settings_the_seeds_are_the_units_averaged_over_settings(make: Make) -> None:
    project = make({"one": CLAIM}, seeds=range(3), noise=NOISES[:2])
    for place, noise in enumerate(NOISES[:2]):
        for run in project.runs(noise=noise, method="sam"):
            project.finish(run, 90.0)
        for run in project.runs(noise=noise, method="lets-sam"):
            project.finish(run, 90 + run.seed + 2 * place)  # by seed, averaged: 1, 2, 3
    (one,) = judged(project)
    assert not one.tested.by_settings
    assert list(one.tested.units.differences.values()) == [1, 2, 3]
    assert one.tested.p == pytest.approx(p2(2 * sqrt(3)))


def test_two_units_are_not_enough(make: Make) -> None:
    project = make({"one": CLAIM}, noise=["clean"])
    fill(project, (5.0,))
    (one,) = judged(project)
    assert (one.ruling, one.tested.p, one.tested.units.n) == (Ruling.NOT_ENOUGH, None, 2)
    assert one.tested.units.mean == pytest.approx(5.0)


def test_one_missing_run_and_there_is_no_verdict(make: Make) -> None:
    project = make({"one": CLAIM})
    fill(project, (1.0, 1.1, 1.2))
    run = project.run(noise="clean", method="sam", seed=1)
    project.layout.run_file(run.id, "metrics.json").unlink()
    (one,) = judged(project)
    assert one.ruling is Ruling.NOT_ENOUGH
    assert [missing.id for missing in one.tested.comparisons.to_do] == [run.id]


def test_a_diverged_run_is_a_result_and_its_setting_does_not_agree(make: Make) -> None:
    project = make({"one": {**CLAIM, "everywhere": True}}, architectures=["resnet-small", "wrn-small"])
    claim = {**CLAIM, "architectures": ["resnet18", "wrn28-10"], "everywhere": True}
    project.layout.paper_claims.write_text(yaml.safe_dump({"claims": {"one": claim}}, allow_unicode=True))
    fill(project, (1.0, 1.1, 1.2), architecture="resnet-small")
    fill(project, (1.0, 1.1, 1.2), architecture="wrn-small")
    assert judged(project)[0].ruling is Ruling.SUPPORTED
    for run in project.runs(noise="clean", architecture="wrn-small", method="lets-sam"):
        project.diverge(run)
    (one,) = judged(project)
    assert (one.tested.units.n, one.tested.agreeing, len(one.tested.comparisons.all)) == (5, 5, 6)
    assert one.corrected is not None
    assert one.corrected < 0.05
    assert one.ruling is Ruling.NOT_SUPPORTED


def test_said_of_every_setting_means_every_one(make: Make) -> None:
    pairs = {"noise": [*NOISES, "symmetric-60", "symmetric-80"], "architectures": ["resnet18", "wrn28-10"]}
    experiment = {"noise": pairs["noise"], "architectures": ["resnet-small", "wrn-small"]}
    project = make({"all": {**CLAIM, **pairs, "everywhere": True}, "mean": {**CLAIM, **pairs}}, **experiment)
    for place, sam in enumerate(project.runs(method="sam", seed=0)):
        lets = project.run(noise=sam.noise, architecture=sam.architecture, method="lets-sam", seed=0)
        for run, value in ((sam, 90.0), (lets, 90 + (1.0 + 0.01 * place if place else -0.1))):
            project.finish(run, value)
            project.finish(run.model_copy(update={"seed": 1}), value)
    every, mean = judged(project)
    assert (every.tested.agreeing, len(every.tested.comparisons.all)) == (9, 10)
    assert (every.ruling, mean.ruling) == (Ruling.NOT_SUPPORTED, Ruling.SUPPORTED)


def test_holm_takes_all_claims_as_one_family(make: Make) -> None:
    reverse = {**CLAIM, "pairs": [["sam", "lets-sam"]], "metric": "test_loss"}
    project = make({"one": CLAIM, "two": reverse, "none": {**CLAIM, "datasets": ["cifar100"]}})
    fill(project, (1.0, 1.1, 1.2))
    for run in project.runs(method="lets-sam"):
        accuracy = project.layout.run_file(run.id, "metrics.json")
        value = yaml.safe_load(accuracy.read_text())["test_accuracy"]
        project.finish(run, value, gap=0.25 + 0.1 * (1 + NOISES.index(run.noise)))  # 0.1, 0.2, 0.3 nats worse
    one, two, none = judged(project)
    first, second = p2(1.1 / (0.1 / sqrt(3))), p2(2 * sqrt(3))
    assert (one.tested.p, two.tested.p, none.tested.p) == (pytest.approx(first), pytest.approx(second), None)
    assert one.corrected == pytest.approx(2 * first)
    assert two.corrected == pytest.approx(second)
    assert none.corrected is None
    assert (none.ruling, len(none.tested.absent)) == (Ruling.NOT_ENOUGH, 3)
    # less loss is better: SAM, which has less, agrees
    assert two.tested.holds
    assert two.tested.units.mean == pytest.approx(-0.2)


def test_the_best_is_held_against_the_best_of_the_others_and_a_lost_race_counts_all_rivals(
    make: Make,
) -> None:
    project = make({"one": BEST}, methods=["erm", "sam", "lets-sam"])
    fill(project, (-1.0, -1.1, -1.2))
    for run in project.runs(method="erm"):
        project.finish(run, 95.0 if run.noise == "clean" else 80.0)  # the best of the others in one setting
    (one,) = judged(project)
    assert [comparison.second for comparison in one.tested.comparisons.all] == ["erm", "sam", "sam"]
    differences = [90.5 - 1.0 - 95.0, -1.1, -1.2]
    mean = sum(differences) / 3
    assert one.tested.units.mean == pytest.approx(mean)
    # SAM alone is ahead in the mean of the settings, by 1, 1.1, 1.2; it is one of two rivals
    assert one.tested.p == pytest.approx(2 * p2(1.1 / (0.1 / sqrt(3))))
    assert one.ruling is Ruling.CONTRADICTED


def test_the_best_of_several_winners(make: Make) -> None:
    project = make(
        {"one": {**BEST, "winners": ["lets-sam", "lets-asam"]}}, methods=["sam", "lets-sam", "lets-asam"]
    )
    fill(project, (1.0, 1.1, 1.2))
    for run in project.runs(method="lets-asam"):
        project.finish(run, 99.0 if run.noise == "clean" else 70.0)
    (one,) = judged(project)
    assert [comparison.first for comparison in one.tested.comparisons.all] == [
        "lets-asam",
        "lets-sam",
        "lets-sam",
    ]


def test_a_rival_has_to_be_ahead_of_every_winner(make: Make) -> None:
    project = make(
        {"one": {**BEST, "winners": ["lets-sam", "lets-asam"]}}, methods=["sam", "lets-sam", "lets-asam"]
    )
    fill(project, (-1.0, -1.1, -1.2))
    for run in project.runs(method="lets-asam"):  # behind SAM by 1, 2, 3
        project.finish(run, 90 + run.seed - 1.0 - NOISES.index(run.noise))
    (one,) = judged(project)
    assert one.tested.p == pytest.approx(p2(2 * sqrt(3)))
    assert one.ruling is Ruling.NOT_SUPPORTED


def test_a_rival_that_is_far_behind_contradicts_nothing(make: Make) -> None:
    project = make({"one": BEST}, methods=["erm", "sam", "lets-sam"])
    fill(project, (-1.0, -2.0, -3.0))
    for run in project.runs(method="erm"):
        project.finish(run, 70.0 + run.seed + 0.1 * NOISES.index(run.noise))
    (one,) = judged(project)
    assert one.tested.p == pytest.approx(2 * p2(2 * sqrt(3)))
    assert one.ruling is Ruling.NOT_SUPPORTED


def test_values_of_a_hyperparameter_have_all_to_be_equal_to_the_reference(make: Make) -> None:
    claim = {**EQUAL, "by": "rho", "pairs": [[0.1, 1.0], [2.0, 1.0], [5.0, 1.0]], "noise": ["clean"]}
    vary = {"rho": [0.1, 1.0, 2.0]}
    project = make({"one": claim}, seeds=range(3), noise=["clean"], methods=["lets-asam"], vary=vary)
    differences = {0.1: (0.0, 0.1, 0.2), 1.0: (0.0, 0.0, 0.0), 2.0: (-0.2, -0.3, -0.4)}
    for run in project.runs():
        project.finish(run, 90 + differences[run.variant["rho"]][run.seed])
    (one,) = judged(project)
    assert [(comparison.first, comparison.second) for comparison in one.tested.comparisons.all] == [
        (0.1, 1.0),
        (2.0, 1.0),
    ]
    assert one.tested.units.mean == pytest.approx(-0.3)  # the value farthest from the reference is shown
    assert one.tested.p == pytest.approx(
        p2(0.2 * sqrt(3) / 0.1) / 2
    )  # and its p counts: all have to be equal
    for run in project.runs(rho=2.0):
        project.finish(run, 93 + 0.1 * run.seed)
    (one,) = judged(project)
    assert one.tested.p == pytest.approx(2 * p2(2.6 * sqrt(3) / 0.1))  # one of two beyond: Bonferroni
    assert one.ruling is Ruling.CONTRADICTED


def test_without_pairs_every_lets_method_is_held_against_its_base(make: Make) -> None:
    claim = {key: value for key, value in CLAIM.items() if key != "pairs"}
    methods = ["erm", "sam", "lets-sam", "rst", "lets-rst", "lets-gsam"]
    project = make({"one": {**claim, "noise": ["clean"]}}, noise=["clean"], methods=methods)
    (one,) = judged(project)
    assert [comparison.first for comparison in one.tested.comparisons.all] == ["lets-sam", "lets-rst"]
    assert {run.spec.method for run in one.tested.comparisons.runs} == {"sam", "lets-sam", "rst", "lets-rst"}


def test_runs_of_another_section_do_not_count_unless_named(make: Make) -> None:
    project = make({"one": {**CLAIM, "section": "§4.9"}, "two": {**CLAIM, "section": "§4.9", "runs": "§4.1"}})
    fill(project, (1.0, 1.1, 1.2))
    one, two = judged(project)
    assert (one.ruling, one.tested.comparisons.runs) == (Ruling.NOT_ENOUGH, ())
    assert two.tested.p == pytest.approx(p2(1.1 / (0.1 / sqrt(3))))


def test_two_variants_of_a_method_in_a_setting_are_refused(make: Make) -> None:
    project = make({"one": CLAIM}, methods=["sam", "lets-sam"], vary={"rho": [0.05, 0.5]})
    with pytest.raises(SpecError, match="differ in rho"):
        judged(project)


def test_training_loss_is_averaged_over_epochs(make: Make) -> None:
    project = make({"one": {**EQUAL, "metric": "mean_loss"}})
    for run in project.runs():
        step = 0.1 * (1 + NOISES.index(run.noise)) if run.method == "lets-sam" else 0.0
        project.finish(run, 90.0, 91.0, loss=0.5 + step)
    (one,) = judged(project)
    assert one.tested.units.mean == pytest.approx(0.2)


def test_analyses_are_of_one_seed_and_a_missing_one_is_no_verdict(tmp_path: Path) -> None:
    grid = {
        "datasets": ["digits"],
        "noise": NOISES,
        "architectures": ["resnet-small"],
        "methods": ["sam", "lets-sam"],
    }
    selection = {"title": "t", "experiments": ["clean"]}
    project = Project(
        tmp_path,
        experiments={"clean": {**grid, "section": "§4.1"}},
        tables={"minima": {**selection, "kind": "sharpness"}},
        figures={"planes": {**selection, "kind": "landscape"}},
        stand_ins=stand_ins(grid),
    )
    names = {"eigenvalue": "top_eigenvalue", "trace": "trace", "nearby": "m_sharpness", "plane": "landscape"}
    claims = {name: {**CLAIM, "metric": metric} for name, metric in names.items()}
    project.layout.paper_claims.write_text(
        yaml.safe_dump({"claims": claims}, allow_unicode=True, sort_keys=False)
    )
    for run in project.runs():
        project.finish(run, 90.0)
        if run.seed == 0:
            scale = 1.0 if run.method == "sam" else 0.5 - 0.1 * NOISES.index(run.noise)  # less by .5, .6, .7
            project.sharpness(run, scale)
            project.landscape(run, scale, points=3)
    found = {one.tested.name: one for one in judged(project)}
    assert found["eigenvalue"].tested.units.mean == pytest.approx(-0.6 * 6)
    assert found["trace"].tested.units.mean == pytest.approx(-0.6 * 25.25)
    assert found["nearby"].tested.units.mean == pytest.approx(-0.6 * 0.05 * 0.15)
    # a² + .7 b² + .25 ab over nine points at -1, 0, 1: (6 + 6 · .7)/9
    assert found["plane"].tested.units.mean == pytest.approx(-0.6 * 10.2 / 9)
    steep = read_outcome(project.run(noise="clean", method="sam", seed=0), project.layout)
    assert measured(steep, "landscape", project.layout) == pytest.approx(
        10.2 / 9
    )  # over the loss at the weights
    assert {one.ruling for one in found.values()} == {Ruling.SUPPORTED}
    run = project.run(noise="clean", method="sam", seed=0)
    project.layout.landscape(run.id).unlink()
    found = {one.tested.name: one for one in judged(project)}
    assert found["plane"].ruling is Ruling.NOT_ENOUGH
    assert [missing.id for missing in found["plane"].tested.comparisons.to_do] == [run.id]
    assert found["trace"].ruling is Ruling.SUPPORTED
