"""The conclusion: sentences whose numbers were worked out by hand, and silence where nothing was tested."""

import re
from pathlib import Path

import pytest
import scipy.stats
from tests.golden.factory import TRAINING, Project
from tests.golden.figures import stubbed

from lets.claims.file import read_claims
from lets.claims.judgement import judge
from lets.page.conclusions import Conclusion, _sentence, conclusions
from lets.page.page import render_page
from lets.runs.metrics import QUANTITIES
from lets.stats.paired import Paired
from lets.tables.notes import Answer, Question

RADII = [0.05, 0.5]
PLACE = {"datasets": ["digits"], "architectures": ["resnet-small"]}
SELECTION = {"title": "T", "experiments": ["learned", "fixed"]}
AT = "ResNet (small) on Digits"


def project(root: Path, **tables: object) -> Project:
    return Project(
        root,
        seeds=[0, 1, 2],
        training={**TRAINING, "val_batches": "next"},
        experiments={
            "pair": {**PLACE, "methods": ["sam", "lets-sam"]},
            "fixed": {**PLACE, "methods": ["sam"], "vary": {"rho": RADII}},
            "learned": {**PLACE, "methods": ["lets-sam"], "vary": {"rho": RADII}},
        },
        tables={"pairs": {"kind": "comparison", "title": "P", "experiments": ["pair"]}, **tables},
        figures={"radii": {"kind": "sensitivity", **SELECTION, "x": "rho"}},
    )


def fill(p: Project, method: str, rho: float, *by_seed: float) -> None:
    for run, value in zip(p.runs(method=method, rho=rho), by_seed, strict=True):
        p.finish(run, value)


def found(p: Project) -> list[Conclusion]:
    return conclusions(p.now, judge(read_claims(p.layout.paper_claims), p.now))


@pytest.fixture
def filled(tmp_path: Path) -> Project:
    """SAM is best at 0.05 for every seed; LETS is behind it by 1.9 at that start, by 0.9 in the mean of both."""
    p = project(tmp_path)
    fill(p, "sam", 0.05, 90.0, 91.0, 92.0)
    fill(p, "sam", 0.5, 80.0, 80.0, 80.0)
    fill(p, "lets-sam", 0.05, 88.0, 89.1, 90.2)
    fill(p, "lets-sam", 0.5, 90.0, 91.1, 92.2)
    return p


def test_what_is_decided_is_said_with_n_and_interval(filled: Project) -> None:
    half = scipy.stats.t.ppf(0.975, 2) * 0.1 / 3**0.5
    pair, fixed, claims = found(filled)
    assert pair == Conclusion(
        "LETS was better than its base method in none of 1 comparison, worse in 1; the largest decided difference, "
        f"worse: -1.90 points (95 % interval {-1.9 - half:.2f} to {-1.9 + half:.2f}, n = 3 seeds), "
        f"LETS-SAM against SAM, {AT}.",
        "pairs",
    )
    assert fixed.place == "radii"
    assert "in none of 1 comparison, worse in 1; " in fixed.text
    assert f"-0.90 points (95 % interval {-0.9 - half:.2f} to {-0.9 + half:.2f}, n = 3 seeds)" in fixed.text
    assert claims.place == "claims"
    assert "none supported" in claims.text


def test_the_page_begins_with_it_and_colours_the_verdict(filled: Project) -> None:
    page = render_page(stubbed(filled).now)
    (pair, *_) = found(filled)
    assert f"<li>{pair.text} <a" in page[: page.index("<h2>Claims</h2>")]
    verdict = "pairs--lets-sam-against-sam--resnet-small-on-digits--verdict"
    assert re.search(rf'<td class="bad" id="{verdict}"[^>]*>worse</td>', page)


def test_what_is_better_is_counted(filled: Project) -> None:
    fill(filled, "lets-sam", 0.05, 92.0, 93.1, 94.2)
    (pair, *_) = found(filled)
    assert (
        "better than its base method in 1 of 1 comparison; the largest decided difference, better: +2.10"
        in pair.text
    )


def test_undecided_is_a_finding(filled: Project) -> None:
    fill(filled, "lets-sam", 0.05, 88.0, 92.0, 92.0)
    (pair, *_) = found(filled)
    assert (
        "in none of 1 comparison, undecided in 1; the largest difference, undecided: -0.33 points"
        in pair.text
    )
    assert "n = 3 seeds" in pair.text


def test_the_largest_is_that_farthest_from_zero_and_what_is_decided_goes_first() -> None:
    shown = {
        "small": (1.0, "better"),
        "large": (-2.0, "worse"),
        "open": (9.0, "undecided"),
        "one": (0.0, "one seed"),
    }
    results = [
        Answer(Question.BASE, name, Paired({0: mean, 1: mean + 0.5}), QUANTITIES["test_loss"], verdict)
        for name, (mean, verdict) in shown.items()
    ]
    said = _sentence("LETS was better", results)
    assert said.startswith(
        "LETS was better in 1 of 4 comparisons, worse in 1, undecided in 1, not testable in 1; "
    )
    assert "the largest decided difference, worse: -1.750 nats" in said
    assert said.endswith("n = 2 seeds), large.")


def test_of_what_was_not_tested_nothing_is_said(tmp_path: Path) -> None:
    p = project(tmp_path)
    assert [one.place for one in found(p)] == ["claims"]
    for method in ("sam", "lets-sam"):
        p.finish(p.run(method=method, rho=0.05, seed=0), 90.0)
    assert [one.place for one in found(p)] == ["claims"], "one seed tests nothing"


def test_the_table_that_compares_with_fixed_radii_goes_before_a_figure(filled: Project) -> None:
    p = project(filled.root, against={"kind": "baselines", **SELECTION})
    assert [one.place for one in found(p)] == ["pairs", "against", "claims"]
