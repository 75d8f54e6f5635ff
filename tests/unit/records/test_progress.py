"""Progress: what is done, and how long the rest takes at the pace of the last runs."""

import os
from pathlib import Path

import pytest

from lets.records.progress import Progress, duration, progress
from lets.spec import Layout, Matrix, expand, load_params

MATRIX = expand(load_params(Path(__file__).parents[2] / "audit" / "params.yaml"))


def finish(layout: Layout, matrix: Matrix, times: list[float]) -> None:
    for run, time in zip(matrix.runs, times, strict=False):
        path = layout.run_file(run, "metrics.json")
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (time, time))


@pytest.mark.parametrize(
    ("times", "eta"),
    [
        ([], None),
        ([1000.0], None),
        ([1000.0, 1010.0], 10 * 16),
        ([1010.0, 1000.0, 1030.0], 15 * 15),
        # two jobs side by side, 20 s each: a run every 10 s on average
        ([1000.0, 1000.0, 1020.0, 1020.0, 1040.0], 10 * 13),
        # the night between two sessions is forgotten after eight runs
        ([0.0, 1.0] + [90_000.0 + 4 * i for i in range(8)], 4 * 8),
    ],
)
def test_eta(tmp_path: Path, times: list[float], eta: float | None) -> None:
    layout = Layout("test", tmp_path)
    finish(layout, MATRIX, times)
    assert progress(MATRIX, layout) == Progress(len(times), 18, eta)


def test_in_words() -> None:
    assert str(Progress(0, 18, None)) == "0/18 runs"
    assert str(Progress(2, 18, 90.0)) == "2/18 runs, about 2 min to go"
    assert str(Progress(18, 18, 0.0)) == "18/18 runs"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.7, "1 min"),
        (60, "1 min"),
        (3570, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words
