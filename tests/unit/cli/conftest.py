from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lets.cli.main import app


@pytest.fixture
def lets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Run a verb in the project folder and return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run
