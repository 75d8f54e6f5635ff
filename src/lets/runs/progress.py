"""How far a matrix has come, and how long the rest will take: one `stat` per run, and the last few records."""

from dataclasses import dataclass
from datetime import datetime

from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.errors import RecordError
from lets.runs.run import RunRecord

RECENT = 8  # runs the pace is taken from
CLOSE = 60  # seconds within which a file's time stamp must be that of its run's end


@dataclass(frozen=True)
class Progress:
    """Runs done out of all; `eta_seconds` is None while nothing tells the pace."""

    done: int
    total: int
    eta_seconds: float | None

    def __str__(self) -> str:
        if self.done == self.total or self.eta_seconds is None:
            return f"{self.done}/{self.total} runs"
        return f"{self.done}/{self.total} runs, about {duration(self.eta_seconds)} to go"


def progress(matrix: Matrix, layout: Layout) -> Progress:
    """Count the runs whose metrics.json is there; the pace is the mean gap between the ends of the last runs.

    Jobs that train side by side finish more often, so the pace needs not know how many there are. A run that was
    not made here (its files are as old as the clone) or was interrupted tells nothing about it.
    """
    written = {run: time for run in matrix.runs if (time := _written(layout, run)) is not None}
    recent = sorted(written, key=written.__getitem__)[-RECENT:]
    ends = [written[run] for run in recent if _ended_at(written[run], layout, run)]
    pace = (ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else None
    left = len(matrix.runs) - len(written)
    return Progress(len(written), len(matrix.runs), None if pace is None else pace * left)


def duration(seconds: float) -> str:
    """Return a duration for people: `40 s`, `3 min`, `2 h 5 min`, `4 d 1 h`."""
    minutes = round(seconds / 60)
    if seconds < 59.5:
        return f"{round(seconds)} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _written(layout: Layout, run: str) -> float | None:
    try:
        return layout.run_file(run, "metrics.json").stat().st_mtime
    except FileNotFoundError:
        return None


def _ended_at(time: float, layout: Layout, run: str) -> bool:
    try:
        end = datetime.fromisoformat(RunRecord.at(layout, run).provenance.ended)
    except (RecordError, ValueError):  # the audit says what is wrong with it
        return False
    return abs(time - end.timestamp()) <= CLOSE
