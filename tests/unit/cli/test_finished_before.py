"""`lets train` of a run that is there says that it trained nothing, and how to train it again."""

import subprocess
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.cli.train import _ended_before

CLEAN = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["sam"]}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, experiments={"clean": CLEAN})


def test_before_it_ended_nothing_is_said(project: Project) -> None:
    (run, *_) = project.matrix.runs.values()
    assert _ended_before(run, project.layout) == ""


def test_of_other_code_the_command_moves_it_and_loses_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run, *_) = project.matrix.runs.values()
    folder = project.layout.run(run.id)
    project.finish(run, 90.0)
    monkeypatch.setattr("lets.runs.code.same_code", lambda made, now: True)
    assert "nothing was trained" in _ended_before(run, project.layout)
    monkeypatch.setattr("lets.runs.code.same_code", lambda made, now: False)
    pasted = _ended_before(run, project.layout).split("after  ")[1].split("  this one")[0]
    subprocess.run(pasted, shell=True, check=True)
    assert not folder.exists()
    assert (project.layout.aside(run.id) / "provenance.json").is_file()
