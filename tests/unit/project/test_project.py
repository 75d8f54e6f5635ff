"""A project: what is on disk is read once, whoever asks for it."""

from pathlib import Path

import pytest
from tests.golden.factory import Project as Folder

from lets.project import Project


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(
        tmp_path,
        experiments={
            "clean": {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["erm", "sam"]}
        },
        tables={"table": {"kind": "pivot", "title": "T", "experiments": ["clean"]}},
    )
    for run in made.runs(method="sam"):
        made.finish(run, 90.0 + run.seed)
    return made


def test_every_run_by_its_id(folder: Folder) -> None:
    project = Project.load(folder.file, folder.root)
    assert list(project.runs) == list(folder.matrix.runs)
    sam = project.runs[folder.run(method="sam", seed=1).id]
    assert (sam.state, sam.value("test_accuracy")) == ("finished", 91.0)
    assert [row.test_accuracy for row in sam.record.history] == [91.0]
    erm = project.runs[folder.run(method="erm", seed=1).id]
    assert (erm.state, erm.value("test_accuracy"), erm.provenance) == ("missing", None, None)


def test_it_is_a_snapshot(folder: Folder) -> None:
    project, run = Project.load(folder.file, folder.root), folder.run(method="sam", seed=0)
    before = project.table("table")
    folder.edit_metrics(run, test_accuracy=12.0)
    assert project.table("table") is before
    assert project.outcome(run).value("test_accuracy") == 90.0
    assert Project.load(folder.file, folder.root).outcome(run).value("test_accuracy") == 12.0


def test_a_cell_knows_its_address_and_the_runs_behind_it(folder: Folder) -> None:
    table = Project.load(folder.file, folder.root).table("table")
    assert table.addresses == {
        f"{title} × ResNet (small)": tuple(run.id for run in folder.runs(method=method))
        for method, title in (("erm", "ERM"), ("sam", "SAM"))
    }
