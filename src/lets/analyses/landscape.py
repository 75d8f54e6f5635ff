"""The loss on a random plane through the final weights (Figures 5, 8)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from lets.analyses.analysis import Analyses, Analysis, read_analyses, too_many_samples
from lets.config.effort import Network
from lets.config.matrix import Matrix
from lets.config.messages import Location, Problem
from lets.config.run import RunSpec
from lets.config.strict import Count, Positive
from lets.errors import RecordError
from lets.runs.outcomes import Records
from lets.runs.rows import read_rows, rows_text

if TYPE_CHECKING:
    import matplotlib.figure


REMEDY = "delete it and make it again:  snakemake --cores all"


class Landscape(Analysis):
    """The loss on a random plane through the final weights, a panel per method (Figures 5, 8)."""

    kind: Literal["landscape"]
    points: Annotated[int, Field(ge=3, le=201)] = 21
    """grid points per axis; odd, so that the middle one is the trained weights"""
    extent: Positive = 1.0
    """half the side of the square, in units of the filter-normalised directions"""
    samples: Count = 1000
    """training images the loss is averaged over"""

    @field_validator("points")
    @classmethod
    def _has_a_middle(cls, points: int) -> int:
        if points % 2 == 0:
            raise ValueError(
                f"an even grid has no point at the trained weights – write  points: {points + 1}"
            )
        return points

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield that there are not so many images."""
        yield from too_many_samples(at, self, self.samples, 1, matrix)

    def flops(self, run: RunSpec, network: Network) -> int:
        """Return those of a forward pass of every sample at every point."""
        return self.points**2 * self.samples * network.flops

    def numbers(self, records: Records) -> "Analyses[Point]":
        """Read the planes of the first seed of each method."""
        return read_analyses(self, records, Point, read_points)

    def caption(self, numbers: "Analyses[Point]") -> str:
        """Return what the directions are."""
        return "First seed of each method; directions orthogonal and as long as the weights, filter by filter"

    def draw(self, numbers: "Analyses[Point]") -> "matplotlib.figure.Figure":
        """Draw a surface and a map per method."""
        from lets.analyses.drawings.landscape import draw_landscape

        return draw_landscape(numbers)


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
