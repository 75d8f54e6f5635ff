import math

from tests.golden.factory import Project

from lets.page.summaries import table_of_runs


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
