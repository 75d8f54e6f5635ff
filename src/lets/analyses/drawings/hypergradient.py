"""The hyper-gradient over the steps of a training, taken in every way, and how each compares with the true one."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lets.analyses.analysis import Analyses
from lets.analyses.hypergradient import HESSIANS, TRUE, Probe, Typical, Way, by_way, typical
from lets.config.labels import value_title
from lets.figures.canvas import PANEL, legend_above
from lets.figures.styles import GREY

_LOOKS = {
    ("algorithm", "diagonal"): ("#8f3e00", "^"),
    ("algorithm", "exact"): ("#0173b2", "s"),
    ("derivation", "diagonal"): ("#f5a86c", "v"),
    ("derivation", "finite-difference"): ("#029e73", "D"),
    TRUE: ("#1c1d1f", "o"),
}
"""colour and marker; the two diagonal ones often lie on top of each other: dark and dashed on light and solid"""
_DIRECTIONS = {"algorithm": "Algorithm 1", "derivation": "derivation"}


def draw_hypergradient(ways: Analyses[Probe]) -> Figure:
    """Draw two panels per method: sizes over steps, and below them signs, ratios and cosines."""
    count = len(ways.shown)
    figure = Figure(figsize=(2 * PANEL[0] + 0.4, PANEL[1] * 2.3 * count + 0.8))
    grid = figure.subplots(2 * count, 1, squeeze=False, height_ratios=(1.5, 1) * count).reshape(count, 2)
    for one, (above, below) in zip(ways.shown, grid, strict=True):
        above.set_title(value_title("method", one.run.spec.method))
        if one.rows:
            _sizes(above, one.rows)
            _agreement(below, one.rows)
        else:
            above.text(0.5, 0.5, one.run.state, transform=above.transAxes, ha="center", color=GREY)
            below.set_axis_off()
    legend_above(figure, [above for above, _ in grid])
    return figure


def _sizes(axes: Axes, rows: Sequence[Probe]) -> None:
    """Draw |g| of each way; a marker is filled where the sign is the true one's."""
    for way, probes in by_way(rows).items():
        look, steps = _look(way, crowded=len(probes) > 60), [probe.step for probe in probes]
        sizes = [abs(probe.hypergradient) or float("nan") for probe in probes]
        axes.plot(steps, sizes, label=_title(way), **look)
        there = [
            (step, size) for step, size, probe in zip(steps, sizes, probes, strict=True) if not probe.agrees
        ]
        if there:
            axes.plot(*zip(*there, strict=True), **look | {"linestyle": "", "markerfacecolor": "white"})
    axes.set_yscale("log")
    axes.set_xlabel("Step")
    axes.set_ylabel("Size of the hyper-gradient")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _agreement(axes: Axes, probes: Sequence[Probe]) -> None:
    """Draw the share of signs that agree as bars, and print the medians beside them."""
    rows = [one for one in typical(probes) if one.way != TRUE]
    for place, one in enumerate(rows):
        colour, _ = _LOOKS[one.way]
        face, hatch = ("white", "////") if one.way[0] == "algorithm" else (colour, "")
        axes.barh(place, one.share, height=0.55, facecolor=face, edgecolor=colour, hatch=hatch)
        axes.text(1.03, place, _numbers(one), transform=axes.get_yaxis_transform(), va="center", fontsize=7)
    axes.set_yticks([])  # the legend says which colour is which
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 50, 100])
    axes.set_xlabel("Same sign as the true one (%)")
    axes.grid(visible=False, axis="y")


def _numbers(typical: Typical) -> str:
    return f"{typical.agreeing} of {typical.n}, {typical.ratio:.2g}, {typical.cosine:.2f}"


def _title(way: Way) -> str:
    return (
        "true hyper-gradient"
        if way == TRUE
        else f"{HESSIANS[way[1]].partition(' (')[0]}, {_DIRECTIONS[way[0]]}"
    )


def _look(way: Way, crowded: bool) -> dict[str, Any]:
    """Dashed and in front along Algorithm 1's direction; the true one is thick."""
    colour, marker = _LOOKS[way]
    literal = way[0] == "algorithm"
    return {
        "color": colour,
        "linestyle": (0, (4, 1.6)) if literal else "-",
        "linewidth": (2.0 if way == TRUE else 1.2) * (0.5 if crowded else 1),
        "marker": marker,
        "markersize": 2 if crowded else 4,
        "markeredgewidth": 0.5 if crowded else 1,
        "markerfacecolor": colour,
        "zorder": 3 if literal else 2,
    }
