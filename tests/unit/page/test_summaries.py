"""runs.csv and summary.json: every run once, finished or not, and the mean of every variant."""

import csv
import json
import math
from io import StringIO
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.page.summaries import runs_text, summary_text, table_of_runs, write_summary
from lets.runs import RunRecord


def test_every_run_is_there_with_its_numbers(figures: Project) -> None:
    rows = list(csv.DictReader(StringIO(runs_text(figures.now))))
    assert [row["id"] for row in rows] == list(figures.matrix.runs)
    assert {row["status"] for row in rows} >= {"finished", "diverged"}
    for row in rows:
        if row["status"] == "finished":
            metrics = RunRecord.at(figures.layout, row["id"]).metrics
            assert float(row["test_accuracy"]) == metrics.test_accuracy
            assert float(row["test_loss"]) == metrics.test_loss
        else:
            assert row["test_accuracy"] == ""


def test_a_row_per_run_whatever_became_of_it(project: Project) -> None:
    first, second = project.runs(architecture="resnet-small", method="erm")
    project.finish(first, 95.0, loss=0.5, gap=0.25)
    project.diverge(second)
    frame = table_of_runs(project.now)
    assert list(frame["id"]) == list(project.matrix.runs)
    assert list(frame.columns[:5]) == ["id", "dataset", "noise", "architecture", "method"]
    assert list(frame.columns[-1:]) == ["reason"]
    rows = frame.set_index("id")
    assert rows.loc[first.id, "status"] == "finished"
    assert (rows.loc[first.id, "test_accuracy"], rows.loc[first.id, "generalization_gap"]) == (95.0, 0.25)
    assert rows.loc[second.id, "status"] == "diverged"
    assert math.isnan(rows.loc[second.id, "test_accuracy"])
    assert rows.loc[second.id, "reason"] == "step 7, rho 0.05"
    assert frame["status"].value_counts()["missing"] == 2 * 7 - 2


def test_hyperparameters_keep_their_values(project: Project) -> None:
    frame = table_of_runs(project.now)
    sam = frame[frame["method"] == "sam"]
    assert list(sam["rho"]) == [0.5, 0.5, 0.05, 0.05]
    assert list(sam["seed"]) == [0, 1, 0, 1]
    assert set(frame[frame["method"] == "lets-sam"]["metric"]) == {"half-squared-gap"}
    assert frame[frame["method"] == "erm"]["rho"].isna().all()


def test_the_final_radius_does_not_hide_the_first(project: Project) -> None:
    run = project.run(method="sam", rho=0.5, seed=0)
    project.finish(run, 95.0)  # a history that ends with rho 0.05
    (row,) = (row for row in table_of_runs(project.now).to_dict("records") if row["id"] == run.id)
    assert (row["rho"], row["final_rho"]) == (0.5, 0.05)


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
