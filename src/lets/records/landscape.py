"""What `lets analyse landscape` leaves: the loss on a plane through the final weights of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lets.errors import RecordError
from lets.records.rows import read_rows, rows_text

REMEDY = "delete it and make it again:  snakemake --cores all"


@dataclass(frozen=True)
class Point:
    """One point of the grid: its coordinates along the two directions, and the mean training loss there (nats)."""

    a: float
    b: float
    loss: float


def points_text(points: Sequence[Point]) -> str:
    """Return the csv; every float reads back as it was."""
    return rows_text(Point, points)


def read_points(path: Path) -> list[Point]:
    """Read the csv back; raises RecordError naming the file when it is no whole grid of ours."""
    points = read_rows(Point, path, REMEDY)
    if not points or len(points) != len({one.a for one in points}) * len({one.b for one in points}):
        raise RecordError(f"{path} – points of the grid are missing – {REMEDY}")
    return points
