"""Loss surfaces side by side, on one scale (Figures 5 and 8)."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from lets.report.labels import value_title
from lets.report.plots.canvas import GREY, panels
from lets.report.surfaces import Plane, Surface, Surfaces

MAP = "cividis"
"""lightness grows with the loss, so that the map reads in grey and for the colour-blind"""


def draw_landscape(surfaces: Surfaces) -> Figure:
    """Draw a 3-D surface per method, its contours on the floor; one scale of height and colour for all."""
    figure, grid = panels(len(surfaces.surfaces), width=1.05, subplot_kw={"projection": "3d"})
    losses = [loss for surface in surfaces.surfaces for _, _, loss in surface.plane if np.isfinite(loss)]
    low, high = (min(losses), max(losses)) if losses else (0.0, 1.0)
    for surface, axes in zip(surfaces.surfaces, grid, strict=True):
        axes.set_title(value_title("method", surface.run.spec.method), y=0.99)
        if surface.plane:
            _surface(axes, surface.plane, low, high)
        else:
            _empty(axes, surface)
    if losses:
        scale = Normalize(low, high)
        colours: Any = figure.colorbar(_mappable(scale), ax=grid, shrink=0.6, aspect=18, pad=0.02)
        colours.set_label("Training loss (nats)")
    return figure


def _surface(axes: Any, plane: Plane, low: float, high: float) -> None:
    a, b, loss = _mesh(plane)
    floor = low - 0.5 * (high - low)
    style = {"cmap": MAP, "vmin": low, "vmax": high}
    axes.contourf(a, b, loss, zdir="z", offset=floor, levels=np.linspace(low, high, 13), **style)
    axes.plot_surface(a, b, loss, rcount=41, ccount=41, linewidth=0.2, edgecolor="#ffffff70", **style)
    axes.set_zlim(floor, high)
    axes.set_xlabel("direction 1", labelpad=-9, size=8)
    axes.set_ylabel("direction 2", labelpad=-9, size=8)
    axes.set_xticks(np.linspace(a.min(), a.max(), 3))
    axes.set_yticks(np.linspace(b.min(), b.max(), 3))
    axes.set_zticks([tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high])
    axes.tick_params(labelsize=7, pad=-3)
    axes.view_init(elev=24, azim=-57)
    axes.set_box_aspect((1, 1, 0.85), zoom=0.98)


def _mesh(plane: Plane) -> tuple[NDArray[np.float64], ...]:
    """The grid as three matrices; what is not finite is left open."""
    values = np.array(sorted(plane))
    values[~np.isfinite(values[:, 2]), 2] = np.nan
    shape = len(np.unique(values[:, 0])), -1
    return tuple(values[:, column].reshape(shape) for column in range(3))


def _mappable(scale: Normalize) -> Any:
    return ScalarMappable(scale, MAP)


def _empty(axes: Axes, surface: Surface) -> None:
    axes.set_axis_off()
    axes.text2D(0.5, 0.5, surface.run.state, transform=axes.transAxes, ha="center", color=GREY)  # type: ignore[attr-defined]
