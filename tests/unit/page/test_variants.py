import json
import math
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.page.summaries import summary_text, write_summary


def test_means_by_variant(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        experiments={
            "radius": {
                "datasets": ["digits"],
                "architectures": ["resnet-small"],
                "methods": ["sam"],
                "vary": {"rho": [0.05, 0.5]},
            },
            "plain": {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["erm"]},
        },
    )
    for run, accuracy in zip(project.runs(rho=0.5), (90.0, 92.0), strict=True):
        project.finish(run, accuracy, gap=0.25)
    project.finish(project.run(rho=0.05, seed=0), 95.0)
    for run in project.runs(method="erm"):
        project.diverge(run)
    content = json.loads(write_summary(project.now).read_text())
    folder = "digits/clean/resnet-small"
    assert list(content) == [f"{folder}/sam/rho=0.05", f"{folder}/sam/rho=0.5", f"{folder}/erm"]
    full = content[f"{folder}/sam/rho=0.5"]
    assert (full["finished"], full["expected"]) == (2, 2)
    assert full["test_accuracy"] == {"mean": 91.0, "sd": pytest.approx(math.sqrt(2)), "n": 2}
    assert full["generalization_gap"]["mean"] == 0.25
    assert content[f"{folder}/sam/rho=0.05"]["test_accuracy"] == {"mean": 95.0, "n": 1}
    assert content[f"{folder}/erm"] == {"finished": 0, "expected": 2, "diverged": 2}
    assert "NaN" not in summary_text(project.now)


def test_two_trainings_of_one_variant_keep_two_names(tmp_path: Path) -> None:
    experiment = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["erm"]}
    project = Project(
        tmp_path, experiments={"short": experiment, "long": {**experiment, "training": {"epochs": 9}}}
    )
    assert len(json.loads(summary_text(project.now))) == 2
