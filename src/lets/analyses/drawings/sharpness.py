"""How sharp the minima are: m-sharpness over the radius, and beside it the spectrum of the Hessian."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lets.analyses.analysis import Analyses
from lets.analyses.sharpness import Measure, Minimum, eigenvalue_title
from lets.config.labels import value_title
from lets.figures.canvas import PANEL, legend_above, logarithmic
from lets.figures.styles import GREY, look_of


def draw_sharpness(measures: Analyses[Measure]) -> Figure:
    """Draw a line per method above, and a row per method below, which names the methods."""
    figure = Figure(figsize=(2 * PANEL[0] + 0.4, 2.4 * PANEL[1] + 0.08 * len(measures.shown)))
    places = figure.subplot_mosaic([["above", "above"], ["left", "right"]], height_ratios=(1.3, 1))
    above, left, right = places["above"], places["left"], places["right"]
    minima = [(one.run.spec.method, Minimum.of(one.rows)) for one in measures.there]
    _rises(above, [(method, minimum.rises) for method, minimum in minima])
    titles = [value_title("method", one.run.spec.method) for one in measures.shown]
    for axes in (left, right):
        axes.set_yticks(range(len(titles)), titles)
        axes.set_ylim(len(titles) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
    right.set_yticklabels([])
    for place, one in enumerate(measures.shown):
        if one.rows:
            minimum, look = Minimum.of(one.rows), look_of(one.run.spec.method) | {"linestyle": ""}
            _spectrum(left, place, minimum.eigenvalues, look)
            right.errorbar(minimum.trace.value, place, xerr=minimum.trace.error, capsize=2.5, **look)
        else:
            _absent(left, place, one.run.state)
    left.set_xlabel(f"Eigenvalues, {eigenvalue_title(1)} marked")
    right.set_xlabel("Trace of Hessian")
    for axes in (left, right):
        low, high = axes.get_xlim()
        axes.set_xlim(min(0.0, low), 1.04 * high)
    legend_above(figure, [above, left, right])
    return figure


def _rises(axes: Axes, lines: Sequence[tuple[str, Sequence[Measure]]]) -> None:
    """Logarithmic in both directions if it can be."""
    for method, rises in lines:
        axes.plot([one.at for one in rises], [one.value for one in rises], **look_of(method))
    radii = sorted({one.at for _, rises in lines for one in rises})
    if radii:
        axes.set_xscale("log")
        axes.set_xticks(radii, [f"{radius:g}" for radius in radii])
        axes.minorticks_off()
    values = [one.value for _, rises in lines for one in rises]
    if values and min(values) > 0:
        logarithmic([axes], min(values), max(values))
    axes.set_xlabel("Radius ρ")
    axes.set_ylabel("m-sharpness (nats)")


def _spectrum(axes: Axes, place: int, eigenvalues: Sequence[Measure], look: dict[str, Any]) -> None:
    """A mark for the largest, strokes for the others."""
    others = [one.value for one in eigenvalues[1:]]
    axes.plot(others, [place] * len(others), linestyle="", marker="|", color=look["color"], markersize=7)
    axes.plot(eigenvalues[0].value, place, **look)


def _absent(axes: Axes, place: int, word: str) -> None:
    axes.text(0.5, place, word, transform=axes.get_yaxis_transform(), ha="center", va="center", color=GREY)
