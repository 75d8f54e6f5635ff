from collections.abc import Callable
from pathlib import Path

import pytest
from tests.golden.factory import Project
from typer.testing import CliRunner

from lets.cli.main import app

EXPERIMENT = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["sam"]}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of two runs, of which the first has ended."""
    project = Project(tmp_path, experiments={"clean": EXPERIMENT})
    project.finish(project.run(seed=0), 90.0, 95.5)
    return project


@pytest.fixture
def lets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Run a verb in the project folder and return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run
