"""How far a matrix has come, and how long the rest will take: one `stat` per run."""

from dataclasses import dataclass

from lets.spec import Layout, Matrix

RECENT = 8  # finishing times the pace is taken from


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
    """Count the runs whose metrics.json is there; the pace is the mean gap of the last finishing times.

    Jobs that train side by side finish more often, so the pace needs not know how many there are.
    """
    finished = sorted(time for run in matrix.runs if (time := _finished(layout, run)) is not None)
    left, recent = len(matrix.runs) - len(finished), finished[-RECENT:]
    pace = (recent[-1] - recent[0]) / (len(recent) - 1) if len(recent) > 1 else None
    return Progress(len(finished), len(matrix.runs), None if pace is None else pace * left)


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


def _finished(layout: Layout, run: str) -> float | None:
    try:
        return layout.run_file(run, "metrics.json").stat().st_mtime
    except FileNotFoundError:
        return None
