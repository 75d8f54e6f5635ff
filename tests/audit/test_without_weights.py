"""Records that keep no weights: what is proved of them, and what is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.audit.found import reasons, verdicts

from lets.config.paths import Layout
from lets.errors import SpecError
from lets.files import sha256_file
from lets.project.project import load_params
from lets.runs import RunRecord, Status
from lets.train import train_run

PARAMS = """
profile: test
device: cpu
seeds: [0, 1]
training:
  epochs: 1
  batch_size: 512
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  main: {datasets: [digits], architectures: [resnet-small], methods: [sam]}
tables:
  table1: {kind: pivot, title: Test accuracy (%), experiments: [main]}
keep_weights: false
"""


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path], prepare: Any) -> Path:
    def fill(project: Any) -> None:
        prepare(project.layout)
        for spec in project.matrix.runs.values():
            train_run(spec, project.layout, "cpu", 1, lambda row: None)
        project.report()

    return make_project(PARAMS, fill)


def test_a_finished_run_has_everything_but_its_weights(project: Any) -> None:
    for run in project.matrix.runs:
        record = RunRecord.at(project.layout, run)
        assert record.status is Status.FINISHED
        assert sorted(path.name for path in record.folder.iterdir()) == sorted(record.files)
        assert "weights.safetensors" not in record.files


def test_the_digest_is_that_of_the_weights_of_a_run_that_keeps_them(project: Any, tmp_path: Path) -> None:
    run, spec = next(iter(project.matrix.runs.items()))
    whole = Layout("test", tmp_path / "whole")
    whole.root.mkdir()
    (whole.root / "data").symlink_to(tmp_path / "data")
    train_run(spec, whole, "cpu", 1, lambda row: None)
    said = RunRecord.at(project.layout, run).provenance.files
    assert said["weights.safetensors"] == sha256_file(whole.run_file(run, "weights.safetensors"))


def test_the_audit_passes_and_says_what_it_could_not_do(project: Any) -> None:
    audit = project.audit(weights=2)
    assert audit.passed
    (check,) = (one for one in audit.checks if one.name == "weights")
    assert check.examined == 0
    assert "none has kept its weights (--deep trains one again)" in check.about
    assert set(verdicts(audit).values()) == {"executed but unverified"}


def test_trained_again_even_the_weights_must_be_those_of_the_record(project: Any) -> None:
    run = project.run("sam")
    assert project.audit(deep=True, runs=(run,)).passed
    path = project.path(run, "provenance.json")
    content = json.loads(path.read_text())
    content["files"]["weights.safetensors"] = "0" * 64
    path.write_text(json.dumps(content))
    assert "trained again on a machine that rounds alike, its weights.safetensors is another" in str(
        reasons(project.audit(deep=True, runs=(run,)))
    )


def test_a_missing_trace_is_half_a_folder(project: Any) -> None:
    run = project.run("sam")
    project.path(run, "trace.safetensors").unlink()
    assert RunRecord.at(project.layout, run).status is Status.PARTIAL


def test_an_edited_history_is_found(project: Any, edit: Callable[[Path, str, str], None]) -> None:
    path = project.path(project.run("sam"), "history.csv")
    edit(path, "0.1", "0.2")
    assert "history.csv is not the file that was written" in str(reasons(project.audit()))


def test_what_is_computed_from_weights_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    figure = "figures:\n  f: {kind: landscape, title: Landscape, experiments: [main]}\n"
    file.write_text(PARAMS + figure)
    with pytest.raises(
        SpecError, match=r"landscape, which is computed from weights – write  keep_weights: true"
    ):
        load_params(file)
