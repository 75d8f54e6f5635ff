"""The numbers of a loss-landscape figure: one surface per method."""

import csv
from dataclasses import dataclass

from lets.errors import RecordError
from lets.report.analysed import analysed_runs
from lets.report.tidy import csv_text
from lets.results import Outcome
from lets.spec import Layout, Matrix
from lets.spec.params import Landscape

COLUMNS = ("a", "b", "loss")
Plane = tuple[tuple[float, float, float], ...]
"""(a, b, loss in nats) for every point of the grid"""


@dataclass(frozen=True)
class Surface:
    """The loss around the final weights of one run; `plane` is empty if there is none, and `run` says why."""

    run: Outcome
    plane: Plane


@dataclass(frozen=True)
class Surfaces:
    """A panel per method, in the order of the params file."""

    surfaces: tuple[Surface, ...]

    @property
    def runs(self) -> tuple[Outcome, ...]:
        """Every run the figure was asked to show."""
        return tuple(surface.run for surface in self.surfaces)

    def csv(self) -> str:
        """Return exactly the numbers drawn."""
        lines = [
            [surface.run.spec.method, surface.run.id, *point]
            for surface in self.surfaces
            for point in surface.plane
        ]
        return csv_text(["method", "run", *COLUMNS], lines)


def landscape_surfaces(figure: Landscape, matrix: Matrix, layout: Layout) -> Surfaces:
    """Read the surfaces that `lets analyse landscape` computed, of the first seed of each method."""
    return Surfaces(tuple(_surface(run, layout) for run in analysed_runs(figure, matrix, layout)))


def _surface(outcome: Outcome, layout: Layout) -> Surface:
    path = layout.landscape(outcome.id)
    if outcome.state != "finished":
        return Surface(outcome, ())
    try:
        header, *lines = csv.reader(path.read_text(encoding="utf-8").splitlines())
        if tuple(header) != COLUMNS:
            raise ValueError(f"line 1: want the columns {','.join(COLUMNS)}")
        plane = tuple((float(a), float(b), float(loss)) for a, b, loss in lines)
        if len(plane) != len({a for a, _, _ in plane}) * len({b for _, b, _ in plane}) or not plane:
            raise ValueError("points of the grid are missing")
    except (OSError, ValueError) as error:
        raise RecordError(
            f"{path} – {error} – delete it and make it again:  snakemake --cores all"
        ) from error
    return Surface(outcome, plane)
