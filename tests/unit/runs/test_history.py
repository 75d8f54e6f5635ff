"""history.csv reads back as it was written, to the last bit."""

from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lets.errors import RecordError
from lets.runs.history import COLUMNS, LARGEST, HistoryRow, history_text, read_history

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

floats = st.floats(-LARGEST, LARGEST)
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
        ("x" * 200_000, "field larger than field limit"),
        ("\ufeff" + history_text([ROW]), "line 1: want the columns"),
        (history_text([ROW]).replace("0.1", "nan"), "line 2: lr is nan"),
        (history_text([ROW]).replace("2.0", "-inf"), "line 2: train_loss is -inf"),
        (history_text([ROW]).replace("2.0", "1e+200"), "line 2: train_loss is 1e\\+200"),
        (history_text([ROW]).replace("12,24", "-12,24"), "line 2: steps is -12"),
        (history_text([ROW]).replace("12,24", "1_2,24"), "line 2: '1_2' is no number"),
        (history_text([ROW]).replace("12,24", "٣,24"), "line 2: '٣' is no number"),
        (history_text([ROW]).replace("12,24", "9" * 5000 + ",24"), "line 2: Exceeds the limit"),
        (history_text([ROW]).replace("12,24", "9" * 400 + ",24"), "line 2: steps is "),
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


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_bytes(b"\xff\xfe" + history_text([ROW]).encode())
    with pytest.raises(RecordError, match=r"history\.csv – .*can't decode byte 0xff"):
        read_history(tmp_path / "history.csv")
