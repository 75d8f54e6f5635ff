import pytest
from tests.golden.factory import Project

from lets.runs.outcomes import read_outcome


def outcome(project: Project, seed: int = 0):
    return read_outcome(project.run(architecture="resnet-small", method="erm", seed=seed), project.layout)


def test_finished(project: Project) -> None:
    project.finish(project.run(architecture="resnet-small", method="erm", seed=0), 90.0, 95.0, 94.0)
    found = outcome(project)
    assert (found.state, found.value("test_accuracy"), found.value("best_test_accuracy")) == (
        "finished",
        94.0,
        95.0,
    )


def test_missing(project: Project) -> None:
    assert outcome(project).state == "missing"
    assert outcome(project).value("test_accuracy") is None


def test_diverged_has_a_reason_and_no_number(project: Project) -> None:
    project.diverge(project.run(architecture="resnet-small", method="erm", seed=0), step=7)
    found = outcome(project)
    assert (found.state, found.reason, found.value("test_accuracy")) == ("diverged", "step 7, rho 0.05", None)


def test_a_number_written_into_a_diverged_run_does_not_count(project: Project) -> None:
    run = project.run(architecture="resnet-small", method="erm", seed=0)
    project.diverge(run)
    project.edit_metrics(run, test_accuracy=99.0)
    assert outcome(project).value("test_accuracy") is None


def test_partial_names_the_files_that_are_not_there(project: Project) -> None:
    run = project.run(architecture="resnet-small", method="erm", seed=0)
    project.finish(run, 95.0)
    project.layout.run_file(run.id, "metrics.json").unlink()
    found = outcome(project)
    assert found.state == "partial"
    assert found.reason.endswith("no metrics.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": 1}', '{"status": "finished"}'])
def test_damaged_metrics_are_an_outcome_not_an_exception(project: Project, text: str) -> None:
    run = project.run(architecture="resnet-small", method="erm", seed=0)
    project.finish(run, 95.0)
    project.layout.run_file(run.id, "metrics.json").write_text(text)
    found = outcome(project)
    assert found.state == "unreadable"
    assert "metrics.json" in found.reason


def test_metrics_of_another_run_do_not_count(project: Project) -> None:
    run = project.run(architecture="resnet-small", method="erm", seed=0)
    project.finish(run, 95.0)
    project.edit_metrics(run, run="digits/clean/resnet-small/erm/seed-9-00000000")
    assert outcome(project).state == "unreadable"
