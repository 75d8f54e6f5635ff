"""Commands that messages print are about the params file that was asked about: pasted, they answer."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lets.cli.main import app
from lets.errors import LetsError
from lets.project import Project

PARAMS = """
profile: small
device: cpu
seeds: [0, 1, 2]
training:
  epochs: 1
  batch_size: 512
  optimizer: {name: sgd, lr: 0.1}
  schedule: {name: cosine}
experiments:
  main: {datasets: [digits], architectures: [resnet-small], methods: [erm, sam, asam]}
tables:
  table1: {kind: pivot, title: Accuracy, experiments: [main]}
figures:
  figure2: {kind: curves, title: Loss, experiments: [main], metric: train_loss}
"""


@pytest.fixture(params=["params/my small.yaml", "params/small.yaml"])
def params(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("params").mkdir()
    facts = Path(__file__).parents[3] / "params"
    for name in ("published.csv", "quoted.yaml", "claims.yaml"):
        Path("params", name).write_bytes((facts / name).read_bytes())
    Path(request.param).write_text(PARAMS)
    return str(request.param)


def lets(*words: str) -> Any:
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("run", ["nosuch", "digits"])  # none, and nine
@pytest.mark.parametrize("verb", [("train", "--run"), ("why",), ("analyse", "sharpness", "--run")])
def test_a_run_that_is_not_there(params: str, run: str, verb: tuple[str, ...]) -> None:
    error = lets(*verb, run, "--params", params).exception
    assert isinstance(error, LetsError)
    line = str(error).splitlines()[-1].rpartition(":  ")[2]
    done = lets(*shlex.split(line)[1:])
    assert done.exit_code == 0
    assert "digits/clean/resnet-small/asam/seed-2" in done.stdout


def test_a_picture_that_is_not_there(params: str) -> None:
    error = lets("report", "--page", "--params", params).exception
    assert isinstance(error, LetsError)
    done = lets(*shlex.split(str(error).rpartition(":  ")[2])[1:])
    assert done.exit_code == 0
    assert lets("report", "--page", "--params", params).exit_code == 0


def test_the_file_that_every_command_takes_is_not_named(params: str) -> None:
    Path(params).rename("params/demo.yaml")
    project = Project.load("params/demo.yaml")
    assert project.command("status", "--runs") == "lets status --runs"
    assert project.make == "snakemake --cores all"
    with pytest.raises(LetsError, match=r"list them:  lets status --runs$"):
        project.find("nosuch")
