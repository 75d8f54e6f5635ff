"""How sharp the minimum of a run is: eigenvalues and trace of the Hessian, m-sharpness."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from lets.analyses.analysis import (
    REMEDY,
    Analysed,
    Analyses,
    Analysis,
    method_record,
    read_analyses,
    run_notes,
    too_many_samples,
)
from lets.config.effort import Network, sharpness_flops
from lets.config.labels import value_title
from lets.config.matrix import Matrix
from lets.config.messages import Location, Problem, line
from lets.config.run import RunSpec
from lets.config.strict import Count, Positive
from lets.errors import RecordError
from lets.figures.styles import GREY, look_of
from lets.runs.outcomes import Records
from lets.runs.rows import columns, read_rows, rows_text
from lets.tables.table import Block, Cell, Csv, Row, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


EIGENVALUE, TRACE, M_SHARPNESS = "eigenvalue", "trace", "m-sharpness"
_ORDER = (EIGENVALUE, TRACE, M_SHARPNESS)
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Sharpness(Analysis):
    """How sharp the minimum is that a training found: the Hessian of its loss, and what the loss gains nearby.

    A figure draws it, a table prints it, a line or row per method; both may be asked for.
    """

    kind: Literal["sharpness"]
    samples: Count = 1024
    """training images that the loss is averaged over"""
    m: Count = 128
    """images of a group that climb together: m-sharpness (Foret et al. 2021, §4.1)"""
    radii: Annotated[list[Positive], Field(min_length=1)] = Field(default=[0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
    """how far the groups climb, in increasing order"""
    eigenvalues: Count = 5
    """how many of the largest ones"""
    probes: Annotated[int, Field(ge=2)] = 20
    """random vectors that the trace is estimated with"""

    @field_validator("radii")
    @classmethod
    def _increase(cls, radii: list[float]) -> list[float]:
        if any(one >= other for one, other in pairwise(radii)):
            raise ValueError(f"radii that do not increase – write  {line(('radii',), sorted(set(radii)))}")
        return radii

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield that there are not so many images, or that they make no whole groups."""
        yield from too_many_samples(at, self, self.samples, self.m, matrix)

    def flops(self, run: RunSpec, network: Network) -> int:
        """Return those of the products with the Hessian, and of the ascents."""
        return sharpness_flops(network, self.samples, self.eigenvalues, self.probes, len(self.radii))

    def numbers(self, records: Records) -> "Analyses[Measure]":
        """Read what `lets analyse sharpness` found at the minimum of the first seed of each method."""
        return read_analyses(self, records, Measure, read_measures)

    def table(self, name: str, records: Records) -> Table:
        """Return a row per method."""
        found, titles = self.numbers(records), tuple(_titles(self))
        rows = tuple(_row(one, len(titles)) for one in found.shown)
        lines = [method_record(name, line) for line in found.lines()]
        csv = Csv(["table", "method", "run", *columns(Measure)], lines)
        notes = tuple(_notes(self, found))
        return Table(name, self.title, "Method", titles, (Block("", rows),), notes, csv, found.runs)

    def caption(self, numbers: "Analyses[Measure]") -> str:
        """Return what it was measured on."""
        return (
            f"First seed of each method; {self.samples} training images, m = {self.m}; "
            f"trace ± standard error over {self.probes} random vectors"
        )

    def draw(self, numbers: "Analyses[Measure]") -> "Figure":
        """Draw a line per method above, and a row per method below, which names the methods."""
        return _draw(numbers)


@dataclass(frozen=True)
class Measure:
    """One number about the training loss at the final weights; losses in nats, radii in the norm of the weights."""

    quantity: str
    """eigenvalue or trace of the Hessian, or m-sharpness"""
    at: float
    """the rank of an eigenvalue, from 1 for the largest; the radius of an m-sharpness; 0 for a trace"""
    value: float
    error: float
    """of an eigenvalue the residual ||Hv - λv|| / |λ|, of the others the standard error of the mean"""
    n: int
    """what it cost or is the mean of: iterations of Lanczos, random vectors, groups of images"""


def mean_of(quantity: str, at: float, values: Sequence[float]) -> Measure:
    """Return the mean of `values` with its standard error, NaN for a single one."""
    n = len(values)
    error = statistics.stdev(values) / sqrt(n) if n > 1 else float("nan")
    return Measure(quantity, at, statistics.fmean(values), error, n)


def measures_text(measures: Sequence[Measure]) -> str:
    """Return the csv; every float reads back as it was."""
    return rows_text(Measure, measures)


def read_measures(path: Path) -> list[Measure]:
    """Read the csv back; raises RecordError naming the file when it is not one of ours, or not whole."""
    measures = read_rows(Measure, path, REMEDY)
    if problem := _problem(measures):
        raise RecordError(f"{path} – {problem} – {REMEDY}")
    return measures


def _problem(measures: list[Measure]) -> str | None:
    found = {name: [one for one in measures if one.quantity == name] for name in _ORDER}
    eigenvalues, traces, rises = found.values()
    if measures != [*eigenvalues, *traces, *rises]:
        return f"want lines of {', '.join(_ORDER)}, in this order"
    if [one.at for one in eigenvalues] != list(range(1, len(eigenvalues) + 1)) or not eigenvalues:
        return "the ranks of its eigenvalues are not 1, 2, 3, …"
    if any(above.value < below.value for above, below in pairwise(eigenvalues)):
        return "its eigenvalues grow"
    if [one.at for one in traces] != [0]:
        return f"it has {len(traces)} traces"
    radii = [one.at for one in rises]
    if radii != sorted(set(radii)) or not radii or not radii[0] > 0:
        return "the radii of its m-sharpness do not increase from above 0"
    if any(one.n < 1 or one.error < 0 for one in measures):
        return "a count or an error is negative"
    return None


@dataclass(frozen=True)
class Minimum:
    """The measures of one run by what they measure: eigenvalues from the largest, m-sharpness by radius."""

    eigenvalues: tuple[Measure, ...]
    trace: Measure
    rises: tuple[Measure, ...]

    @classmethod
    def of(cls, measures: Sequence[Measure]) -> "Minimum":
        """Sort the lines of an analysis, which is whole."""
        eigenvalues, (trace,), rises = (
            tuple(one for one in measures if one.quantity == quantity)
            for quantity in (EIGENVALUE, TRACE, M_SHARPNESS)
        )
        return cls(eigenvalues, trace, rises)


def _titles(item: Sharpness) -> Iterator[str]:
    """Yield the titles of the columns."""
    yield eigenvalue_title(1)
    if item.eigenvalues > 1:
        yield f"{eigenvalue_title(1)}/{eigenvalue_title(item.eigenvalues)}"
    yield "Trace"
    yield from (f"S({radius:g})" for radius in item.radii)


def eigenvalue_title(rank: int) -> str:
    """Return λ₁, λ₂, …"""
    return f"λ{str(rank).translate(_SUBSCRIPTS)}"


def _row(one: Analysed[Measure], width: int) -> Row:
    absent = ["diverged" if one.run.state == "diverged" else "—"] * width
    texts = _texts(Minimum.of(one.rows)) if one.rows else iter(absent)
    method = value_title("method", one.run.spec.method)
    return method, tuple(Cell(text, hover=one.run.id, runs=(one.run.id,), address=method) for text in texts)


def _texts(minimum: Minimum) -> Iterator[str]:
    first, last = minimum.eigenvalues[0].value, minimum.eigenvalues[-1].value
    yield _digits(first)
    if len(minimum.eigenvalues) > 1:
        yield f"{first / last:.2f}" if last else "—"
    yield _with_error(minimum.trace)
    yield from (_digits(rise.value) for rise in minimum.rises)


def _digits(value: float) -> str:
    """Three digits that count."""
    return f"{value:#.3g}".removesuffix(".")


def _with_error(measure: Measure) -> str:
    """The two digits of the error that count, and the value to the same place."""
    place = math.floor(math.log10(measure.error)) if 0 < measure.error < math.inf else 0
    decimals = max(0, 1 - place)
    return f"{measure.value:.{decimals}f} ± {measure.error:.{decimals}f}"


def _notes(item: Sharpness, measures: Analyses[Measure]) -> Iterator[str]:
    yield (
        f"Of the training loss at the final weights: mean cross-entropy (nats) of the first {item.samples} "
        "training images, without augmentation, in eval mode, with the labels trained on. Smaller is flatter."
    )
    names = eigenvalue_title(1) + (
        f" to {eigenvalue_title(item.eigenvalues)}" if item.eigenvalues > 1 else ""
    )
    yield (
        f"{names}: largest eigenvalues of the Hessian H, by Lanczos{_residuals(measures)}. "
        f"Trace of H: Hutchinson's estimate with {item.probes} random vectors of signs, ± its standard error."
    )
    yield (
        f"S(ρ): m-sharpness with m = {item.m}, the mean over groups of {item.m} images of "
        "L(θ + ρ g/|g|) - L(θ) in nats, where g is the gradient of the group: one ascent step of SAM."
    )
    yield (
        "No number here stays the same when weights are rescaled in a way that leaves the function as it is: "
        "compare trainings of one architecture only."
    )
    yield from run_notes(measures)


def _residuals(measures: Analyses[Measure]) -> str:
    """How well they converged: iterations, and the largest residual of all runs."""
    found = [one for run in measures.there for one in Minimum.of(run.rows).eigenvalues]
    if not found:
        return ""
    worst, most = max(one.error for one in found), max(one.n for one in found)
    return f" in {most} iterations; |Hv - λv| is at most {worst:.0e} λ"


def _draw(measures: Analyses[Measure]) -> "Figure":
    """m-sharpness over the radius, and below it the spectrum of the Hessian."""
    from matplotlib.figure import Figure

    from lets.figures.canvas import PANEL, legend_above

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


def _rises(axes: "Axes", lines: Sequence[tuple[str, Sequence[Measure]]]) -> None:
    """Logarithmic in both directions if it can be."""
    from lets.figures.canvas import logarithmic

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


def _spectrum(axes: "Axes", place: int, eigenvalues: Sequence[Measure], look: dict[str, Any]) -> None:
    """A mark for the largest, strokes for the others."""
    others = [one.value for one in eigenvalues[1:]]
    axes.plot(others, [place] * len(others), linestyle="", marker="|", color=look["color"], markersize=7)
    axes.plot(eigenvalues[0].value, place, **look)


def _absent(axes: "Axes", place: int, word: str) -> None:
    axes.text(0.5, place, word, transform=axes.get_yaxis_transform(), ha="center", va="center", color=GREY)
