"""`lets analyse` as it is called."""

from pathlib import Path

import pytest

import lets.cli.analyse
from lets.analyses.compute import COMPUTE, measure_sharpness
from lets.analyses.sharpness import read_measures
from lets.errors import SpecError
from lets.project import expand, load_params
from lets.project.params import ANALYSES
from lets.train import train_run

PARAMS = """
profile: test
device: cpu
seeds: [0, 1]
training:
  epochs: 1
  batch_size: 256
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  clean: {datasets: [digits], architectures: [resnet-small], methods: [sam]}
tables:
  sharp: {kind: sharpness, title: S, experiments: [clean], samples: 32, m: 16, radii: [0.1], eigenvalues: 1, probes: 2}
"""


@pytest.fixture
def params(layout, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(layout.root)
    Path("params.yaml").write_text(PARAMS)
    return Path("params.yaml")


def test_every_kind_can_be_computed_and_has_a_command() -> None:
    commands = {command.callback.__name__ for command in lets.cli.analyse.analyse.registered_commands}
    assert COMPUTE.keys() == ANALYSES.keys() == commands


def test_it_takes_the_settings_of_the_table(layout, params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = next(run for run in expand(load_params(params)).runs.values() if run.seed == 0)
    train_run(spec, layout, "cpu", 1, lambda row: None)
    lets.cli.analyse.sharpness(spec.id, params)
    path = layout.sharpness(spec.id)
    assert capsys.readouterr().out == f"analysis: {path.relative_to(layout.root)}\n"
    settings = {"samples": 32, "m": 16, "radii": [0.1], "eigenvalues": 1, "probes": 2}
    assert path.read_text() == measure_sharpness(spec, layout, device="cpu", **settings)
    assert [one.n for one in read_measures(path)] == [15, 2, 2]


def test_a_run_that_no_table_shows_is_refused(params: Path) -> None:
    other = next(run for run in expand(load_params(params)).runs if "/seed-1-" in run)
    with pytest.raises(
        SpecError, match=r"no sharpness of params.yaml shows it – add it to one of `tables:` or"
    ):
        lets.cli.analyse.sharpness(other, params)
    with pytest.raises(
        SpecError, match=r"no landscape of params.yaml shows it – add it to one of `figures:`"
    ):
        lets.cli.analyse.landscape(other, params)
