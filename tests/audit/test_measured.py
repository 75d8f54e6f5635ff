"""The check of the numbers where not every epoch is measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lets.audit.context import Context
from lets.audit.histories import check_numbers
from lets.config import RunSpec
from lets.config.paths import Layout
from lets.project import Project as Snapshot
from lets.project import expand, load_params
from lets.runs.history import HistoryRow, history_text, read_history

PARAMS = """\
profile: test
seeds: [0]
training:
  epochs: 6
  measure_every: 3
  batch_size: 8
  optimizer: {name: sgd, lr: 0.1}
  schedule: {name: cosine}
experiments:
  main: {datasets: [digits], architectures: [resnet-small], methods: [sam]}
tables:
  table1: {kind: pivot, title: Accuracy, experiments: [main]}
"""
LAYOUT = Layout("test")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: Callable[..., None]) -> RunSpec:
    """A run that is measured after its epochs 3 and 6."""
    monkeypatch.chdir(tmp_path)
    Path("test.yaml").write_text(PARAMS)
    (run,) = expand(load_params("test.yaml")).runs.values()
    write_run(LAYOUT, run, {})
    return run


def reasons() -> list[str]:
    params = load_params("test.yaml")
    case = Context(Snapshot(params, expand(params), LAYOUT))
    return [finding.reason for finding in check_numbers(case).failures]


def test_a_line_covers_the_epochs_since_the_one_before(run: RunSpec) -> None:
    assert [row.epoch for row in read_history(LAYOUT.run_file(run.id, "history.csv"))] == [3, 6]
    assert reasons() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epoch": 5}, "history.csv has the epochs [3, 5]"),
        ({"loss": 0.5}, "history.csv says loss = 0.5 in epoch 6"),
        (None, "history.csv has 3 epochs, the run has 6"),
    ],
)
def test_other_lines(run: RunSpec, change: dict[str, Any] | None, reason: str) -> None:
    file = LAYOUT.run_file(run.id, "history.csv")
    first, last = read_history(file)
    rows = [first] if change is None else [first, HistoryRow(**{**vars(last), **change})]
    file.write_text(history_text(rows))
    assert any(one.startswith(reason) for one in reasons())
