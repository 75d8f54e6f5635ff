"""history.csv reads back as it was written, to the last bit."""

import math
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lets.errors import RecordError
from lets.records.history import COLUMNS, HistoryRow, history_text, read_history

ROW = HistoryRow(
    epoch=1,
    steps=12,
    passes=24,
    perturbed=12,
    lr=0.1,
    rho=0.05,
    loss=2.25,
    train_loss=2.0,
    train_accuracy=31.5,
    test_loss=2.5,
    test_accuracy=29.0,
)

floats = st.floats(allow_nan=False, width=64)
counts = st.integers(min_value=0, max_value=10**9)
rows = st.builds(HistoryRow, *[counts] * 4, *[floats] * 7)


def test_the_text_is_plain_csv() -> None:
    assert history_text([ROW]) == (
        "epoch,steps,passes,perturbed,lr,rho,loss,train_loss,train_accuracy,test_loss,test_accuracy\n"
        "1,12,24,12,0.1,0.05,2.25,2.0,31.5,2.5,29.0\n"
    )


@given(st.lists(rows, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_float_comes_back(tmp_path: Path, history: list[HistoryRow]) -> None:
    path = tmp_path / "history.csv"
    path.write_text(history_text(history))
    back = read_history(path)
    assert [list(map(repr, astuple(row))) for row in back] == [
        list(map(repr, astuple(row))) for row in history
    ]


def test_an_undefined_radius_comes_back(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(history_text([replace(ROW, rho=math.nan)]))
    assert math.isnan(read_history(tmp_path / "history.csv")[0].rho)


def test_the_gap_is_test_minus_training_loss() -> None:
    assert ROW.generalization_gap == 0.5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: want the columns epoch,steps"),
        ("epoch,loss\n1,2\n", "line 1: want the columns epoch,steps"),
        (",".join(COLUMNS) + "\n1,12,24\n", "line 2: 3 values, want 11"),
        (history_text([ROW, ROW]).replace("1,12,24,12,0.1", "1,12,24,12,0.l", 1), "line 2: .*0.l"),
        (history_text([ROW]).replace("1,12,", "1,1.5,"), "line 2: .*1.5"),
        ("\x00", "line 1"),
    ],
)
def test_a_damaged_history_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(
        RecordError, match=rf"history\.csv – {reason}.* – delete its folder and make the run again"
    ):
        read_history(path)


def test_a_missing_history_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"history\.csv – cannot be read \(No such file"):
        read_history(tmp_path / "history.csv")
