"""`lets track`, `lets pull` and `lets why` where dvc.yaml is not the one that the project came with."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lets.cli.main import app
from lets.errors import SpecError

DEMO = Path(__file__).parents[3] / "params/demo.yaml"
DAMAGED = ["", "- 1", "stages: {}", "vars: []", "vars: [a]", "vars: [{params: 3}]", "a: [", "[" * 5000, "\0"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params").mkdir()
    shutil.copy(DEMO, tmp_path / "params")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("verb", ["track", "pull"])
@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_pipeline_is_named(verb: str, text: str) -> None:
    Path("dvc.yaml").write_text(text)
    found = CliRunner().invoke(app, [verb]).exception
    assert isinstance(found, SpecError)
    assert str(found).startswith("dvc.yaml – ")


def test_one_of_other_params_and_none_are_told_apart() -> None:
    Path("dvc.yaml").write_text("vars: [{params: params/paper.yaml}]")
    other = CliRunner().invoke(app, ["track"]).exception
    Path("dvc.yaml").unlink()
    none = CliRunner().invoke(app, ["track"]).exception
    assert isinstance(other, SpecError)
    assert isinstance(none, SpecError)
    assert "params/paper.yaml" in str(other)
    assert "git checkout -- dvc.yaml" in str(none)
