"""The picture of docs/speed.md: what a step costs over its bare passes, ours and the peers', on the tiny network."""

from io import StringIO
from typing import TYPE_CHECKING, Any

from .targets import Results, read_targets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#3465a4", "#d9822b", "#555555"


def draw(results: Results) -> str:
    """Return the svg; "" if the steps on the tiny network were not measured."""
    if "step-tiny-cpu" not in results:
        return ""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "speed", "svg.fonttype": "none", "font.size": 9}):
        text = StringIO()
        figure(results).savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def figure(results: Results) -> "Figure":
    """One bar a method and kind of step, then the peers; the target is a line."""
    from matplotlib.figure import Figure

    bars = [(row, BLUE) for row in results["step-tiny-cpu"]["variants"]]
    peers = results.get("peers-cpu", {"variants": []})["variants"]
    bars += [(row, ORANGE) for row in peers if row["against"] == "its passes"]
    target = next(target.most or 1 for target in read_targets() if target.result == "step-tiny-cpu")
    drawn = Figure(figsize=(7.2, 0.7 + 0.21 * len(bars)), layout="constrained")
    _bars(drawn.subplots(), bars, 100 * (target - 1))
    return drawn


def _bars(axes: Any, bars: list[tuple[Any, str]], target: float) -> None:
    from matplotlib.patches import Patch

    for place, (row, color) in enumerate(bars):
        axes.barh(place, 100 * (row["ratio"] - 1), height=0.7, color=color)
        axes.plot([100 * (row[end] - 1) for end in ("low", "high")], [place] * 2, color=GREY, linewidth=1)
    axes.set_yticks(range(len(bars)), [row["variant"] for row, _ in bars])
    axes.set_ylim(len(bars) - 0.4, -1.3)
    axes.axvline(target, color=GREY, linestyle="--", linewidth=1)
    axes.text(target, -0.7, f" target: {target:.0f} %", color=GREY, va="center", fontsize=8)
    axes.set_xlabel("time of a step beyond its bare passes (%)")
    colors = {"ours": Patch(color=BLUE), "others'": Patch(color=ORANGE)}
    axes.figure.legend(colors.values(), colors.keys(), loc="outside lower left", ncols=2, frameon=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
