"""The loss on a random plane through the final weights (Figures 5, 8)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from lets.analyses.analysis import REMEDY, Analyses, Analysis, read_analyses, too_many_samples
from lets.config.effort import Network
from lets.config.labels import value_title
from lets.config.matrix import Matrix
from lets.config.messages import Location, Problem
from lets.config.run import RunSpec
from lets.config.strict import Count, Positive
from lets.errors import RecordError
from lets.figures.styles import GREY
from lets.runs.outcomes import Records
from lets.runs.rows import read_rows, rows_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure
    from numpy import float64
    from numpy.typing import NDArray


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

    def draw(self, numbers: "Analyses[Point]") -> "Figure":
        """Draw a column per method: a surface, linear in the loss, and a labelled map of the same grid."""
        return _draw(numbers)


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


MAP = "cividis"
"""lightness grows with the loss, so that the map reads in grey and for the colour-blind"""


def _draw(surfaces: Analyses[Point]) -> "Figure":
    """Surfaces side by side, and below them the same loss as contours; one scale for all."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

    from lets.figures.canvas import PANEL, WIDEST

    columns = min(len(surfaces.shown), WIDEST)
    bands = -(-len(surfaces.shown) // columns)
    figure = Figure(figsize=(PANEL[0] * columns + 0.6, 1.7 * PANEL[1] * bands + 0.3))
    grid = figure.add_gridspec(2 * bands, columns, height_ratios=(0.85, 1) * bands)
    scale = _scale(surfaces)
    for place, one in enumerate(surfaces.shown):
        band, column = divmod(place, columns)
        above: Any = figure.add_subplot(grid[2 * band, column], projection="3d")
        above.set_title(value_title("method", one.run.spec.method), y=1.0)
        if one.rows:
            _surface(above, one.rows, scale)
            below = figure.add_subplot(grid[2 * band + 1, column])
            _contours(below, one.rows, scale)
            below.set_ylabel("direction 2" if column == 0 else "", size=8)
        else:
            _empty(above, one.run.state)
    if surfaces.there:
        bar: Any = figure.colorbar(
            ScalarMappable(scale, MAP), ax=figure.axes, shrink=0.5, aspect=24, pad=0.02
        )
        bar.set_ticks(ticks := _round(scale)[::2], labels=[f"{tick:g}" for tick in ticks])
        bar.ax.minorticks_off()
        bar.set_label("Training loss (nats)")
    return figure


def _scale(surfaces: Analyses[Point]) -> "LogNorm":
    """One scale of colours for all, logarithmic: the flat middle shows as well as the walls."""
    import numpy as np
    from matplotlib.colors import LogNorm

    losses = [point.loss for one in surfaces.shown for point in one.rows if np.isfinite(point.loss)]
    high = max(losses, default=1.0) or 1.0
    return LogNorm(max(min(losses, default=high), 1e-4 * high), high)


def _surface(axes: Any, points: Sequence[Point], scale: "LogNorm") -> None:
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    a, b, loss = _mesh(points)
    low, high = float(scale.vmin or 0), float(scale.vmax or 1)
    axes.plot_surface(
        a, b, loss, rcount=41, ccount=41, linewidth=0.15, edgecolor="#ffffff70", cmap=MAP, norm=scale
    )
    axes.set_zlim(low, high)
    axes.set_xticks(np.linspace(a.min(), a.max(), 3))
    axes.set_yticks(np.linspace(b.min(), b.max(), 3))
    axes.set_zticks([tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high])
    axes.tick_params(labelsize=7, pad=-4)
    axes.view_init(elev=24, azim=-57)
    axes.set_box_aspect((1, 1, 0.75), zoom=1.25)


def _contours(axes: "Axes", points: Sequence[Point], scale: "LogNorm") -> None:
    """Lines at round losses, each of them labelled; the cross is the trained weights."""
    import numpy as np

    a, b, loss = _mesh(points)
    axes.pcolormesh(a, b, loss, cmap=MAP, norm=scale, shading="gouraud", rasterized=True)
    levels = _round(scale)
    colours = ["white" if float(scale(level)) < 0.6 else "black" for level in levels]
    lines = axes.contour(a, b, loss, levels=levels, colors=colours, linewidths=0.7)
    axes.clabel(lines, fontsize=7, fmt="%g", inline_spacing=2)
    axes.plot(0, 0, marker="+", color="white", markersize=5)
    axes.set_aspect("equal")
    axes.set_xlabel("direction 1", size=8)
    axes.set_xticks(np.linspace(a.min(), a.max(), 3))
    axes.set_yticks(np.linspace(b.min(), b.max(), 3))
    axes.tick_params(labelsize=7)
    axes.grid(visible=False)


def _round(scale: "LogNorm") -> list[float]:
    """1, 2, 5, 10, … times a power of ten between the ends of the scale."""
    steps = [factor * 10.0**power for power in range(-12, 13) for factor in (1, 2, 5)]
    return [step for step in steps if float(scale.vmin or 0) < step < float(scale.vmax or 1)]


def _mesh(points: Sequence[Point]) -> tuple["NDArray[float64]", ...]:
    """The grid as three matrices; what is not finite is left open."""
    import numpy as np

    values = np.array(sorted((point.a, point.b, point.loss) for point in points))
    values[~np.isfinite(values[:, 2]), 2] = np.nan
    shape = len(np.unique(values[:, 0])), -1
    return tuple(values[:, column].reshape(shape) for column in range(3))


def _empty(axes: Any, word: str) -> None:
    axes.set_axis_off()
    axes.text2D(0.5, 0.5, word, transform=axes.transAxes, ha="center", color=GREY)
