"""Progress: what is done, and how long the rest takes at the pace of the last runs."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.models.costs import Cost
from lets.project import expand, load_params
from lets.runs.cost import Progress, duration, progress

AUDIT = expand(load_params(Path(__file__).parents[2] / "audit" / "params.yaml"))
ONE = AUDIT.find("digits/clean/resnet-small/erm/seed-0")
ALIKE = [ONE.model_copy(update={"seed": seed}) for seed in range(18)]
MATRIX = Matrix({run.id: run for run in ALIKE}, {})
NETWORKS = {("resnet-small", "digits"): Cost(parameters=1, flops=100_000)}


PROVENANCE = {
    **{name: {} for name in ("files", "data", "seeds", "packages", "machine")},
    **{"code": "", "seconds": 20.0, "resumed": 0, "samples_per_second": 1.0, "peak_memory_mib": 1.0},
}


YESTERDAY = json.dumps(PROVENANCE | {"run": "", "started": "yesterday"})


def finish(
    layout: Layout, matrix: Matrix, ends: list[float], written: float | None = None, later: float = 0
) -> None:
    """Runs of 20 s that ended at `ends`, their files written then or a bit later, or all at another time."""
    for run, end in zip(matrix.runs, ends, strict=False):
        path = layout.run_file(run, "metrics.json")
        path.parent.mkdir(parents=True)
        path.touch()
        started = datetime.fromtimestamp(end - 20, UTC).isoformat(timespec="seconds")
        layout.run_file(run, "provenance.json").write_text(
            json.dumps(PROVENANCE | {"run": run, "started": started})
        )
        time = end + later if written is None else written
        os.utime(path, (time, time))


@pytest.mark.parametrize(
    ("times", "eta"),
    [
        ([], None),
        ([1000.0], None),
        # of the first ones, from their start: each took 20 s
        ([1000.0, 1010.0], 30 / 2 * 16),
        ([1010.0, 1000.0, 1030.0], 50 / 3 * 15),
        # two jobs side by side: two runs every 20 s
        ([1000.0, 1000.0], 10 * 16),
        ([1000.0, 1000.0, 1020.0, 1020.0], 10 * 14),
        ([1000.0 + 20 * (i // 2) for i in range(10)], 60 / 7 * 8),
        # the night between two sessions is forgotten after eight runs
        ([0.0, 1.0] + [90_000.0 + 4 * i for i in range(8)], 4 * 8),
    ],
)
def test_eta(tmp_path: Path, times: list[float], eta: float | None) -> None:
    layout = Layout("test", tmp_path)
    finish(layout, MATRIX, times)
    found = progress(MATRIX, layout, NETWORKS)
    assert (found.done, found.total) == (len(times), 18)
    assert found.eta_seconds == pytest.approx(eta)


def test_what_is_left_counts_by_what_it_takes(tmp_path: Path) -> None:
    """ERM makes one pass a step and SAM two; a step of these small networks is nearly all passes."""
    longer = [run.model_copy(update={"method": "sam", "hyperparameters": {"rho": 0.05}}) for run in ALIKE[2:]]
    matrix = Matrix({run.id: run for run in [*ALIKE[:2], *longer]}, {})
    layout = Layout("test", tmp_path)
    finish(layout, matrix, [1000.0, 1020.0])
    assert progress(matrix, layout, NETWORKS).eta_seconds == pytest.approx(2 * 20 * 16, rel=0.03)


def test_records_that_came_with_a_clone_tell_no_pace(tmp_path: Path) -> None:
    layout = Layout("test", tmp_path)
    finish(layout, MATRIX, [1000.0, 1010.0, 1020.0], written=5000.0)
    assert progress(MATRIX, layout, NETWORKS) == Progress(3, 18, None)


def test_a_file_may_be_written_a_moment_after_the_end(tmp_path: Path) -> None:
    layout = Layout("test", tmp_path)
    finish(layout, MATRIX, [1000.0, 1010.0], later=30)
    assert progress(MATRIX, layout, NETWORKS) == Progress(2, 18, 30 / 2 * 16)


def test_runs_made_in_a_clone_do(tmp_path: Path) -> None:
    layout = Layout("test", tmp_path)
    finish(layout, MATRIX, [1000.0, 1010.0, 5010.0, 5040.0], written=5000.0)
    for run, time in zip(list(MATRIX.runs)[2:], [5010.0, 5040.0], strict=False):
        os.utime(layout.run_file(run, "metrics.json"), (time, time))
    assert progress(MATRIX, layout, NETWORKS) == Progress(4, 18, 50 / 2 * 14)


@pytest.mark.parametrize("provenance", ["", "[]", "{}", '{"started": "yesterday", "seconds": 1}', YESTERDAY])
def test_a_broken_record_tells_no_pace_and_breaks_nothing(tmp_path: Path, provenance: str) -> None:
    layout = Layout("test", tmp_path)
    finish(layout, MATRIX, [1000.0, 1010.0])
    layout.run_file(next(iter(MATRIX.runs)), "provenance.json").write_text(provenance)
    assert progress(MATRIX, layout, NETWORKS) == Progress(2, 18, None)


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
