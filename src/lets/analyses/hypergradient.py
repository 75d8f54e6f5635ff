"""LETS's hyper-gradient along a training, by several estimators, and how far each is from the true one."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from lets.analyses.analysis import (
    REMEDY,
    Analysed,
    Analyses,
    Analysis,
    method_record,
    read_analyses,
    run_notes,
)
from lets.config.effort import Network, hypergradient_flops
from lets.config.labels import value_title
from lets.config.matrix import Matrix
from lets.config.messages import Location, Problem, line
from lets.config.run import RunSpec
from lets.config.strict import Count
from lets.figures.styles import GREY
from lets.optim.catalogue import METHODS
from lets.runs.outcomes import Records
from lets.runs.rows import read_rows, rows_text
from lets.tables.table import Block, Cell, Csv, Row, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


Estimator = tuple[str, str]
"""direction and Hessian"""
TRUE: Estimator = ("derivation", "exact")
"""the true hyper-gradient, the derivative of the step (§3.2)"""
COLUMNS = ("Size over true size", "Cosine", "Same sign")
DIRECTIONS = {
    "algorithm": "along the gradient at the new weights (Algorithm 1)",
    "derivation": "along the perturbation of the old weights (derivation)",
}
HESSIANS = {
    "diagonal": "Diagonal (Eq. 5)",
    "finite-difference": "Finite difference",
    "exact": "Exact",
}


class Hypergradient(Analysis):
    """How far LETS's surrogates are from the true hyper-gradient along a training.

    A figure draws their size over steps, a table prints what is typical of each; both may be asked for.
    """

    kind: Literal["hypergradient"]
    of_weights: ClassVar[bool] = False
    every: Count = Field(examples=[100])
    """steps from one probe to the next; a probe costs about eight passes"""

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield runs that cannot be followed along a second training, which must be the first one over again."""
        runs = self.select(matrix)
        yield from self._fixed(at, runs)
        for name in self.experiments:
            if any(run.training.compile for run in runs if run.id in matrix.experiments[name]):
                reason = f"{at[-1]} shows its hyper-gradient, and a compiled network cannot be differentiated twice"
                yield ("experiments", name, "training", "compile"), f"true – {reason} – write  compile: false"
        if any(run.training.ranks > 1 for run in runs):
            reason = "several ranks are followed by none of them"
            yield (*at, "experiments"), f"{self.experiments} – {reason} – choose runs with  ranks: 1"

    def _fixed(self, at: Location, runs: Sequence[RunSpec]) -> Iterator[Problem]:
        """Yield that some of the methods learn no radius."""
        methods = dict.fromkeys(run.method for run in runs)
        if fixed := [method for method in methods if not METHODS[method].needs_validation]:
            learned = [method for method in methods if method not in fixed]
            reason = f"there is no hyper-gradient for {', '.join(fixed)}, whose radius is not learned"
            place = (*at, "where", "method")
            remedy = f"write  {line(place, learned)}" if learned else "choose experiments with a lets-method"
            yield place, f"{self.where.get('method', 'any')} – {reason} – {remedy}"

    def flops(self, run: RunSpec, network: Network) -> int:
        """Return those of a second training and of its probes."""
        return hypergradient_flops(run, network, self.every)

    def numbers(self, records: Records) -> "Analyses[Probe]":
        """Read what `lets analyse hypergradient` found along the first seed of each method."""
        return read_analyses(self, records, Probe, read_probes)

    def table(self, name: str, records: Records) -> Table:
        """Return a row per Hessian, a block per direction, medians over the probes."""
        found = self.numbers(records)
        blocks = tuple(block for one in found.shown for block in _blocks(one))
        notes = tuple(_notes(self, found))
        return Table(name, self.title, "Hessian", COLUMNS, blocks, notes, _csv(name, found), found.runs)

    def caption(self, numbers: "Analyses[Probe]") -> str:
        """Return what is filled, and what stands beside the bars."""
        return (
            "First seed of each method. Filled: the sign is the true one's. "
            "Beside the bars: how many signs agree, median size over the true one's, "
            "median cosine of H\N{NO-BREAK SPACE}d with the exact product"
        )

    def draw(self, numbers: "Analyses[Probe]") -> "Figure":
        """Draw two panels per method: sizes over steps, and below them signs, ratios and cosines."""
        return _draw(numbers)


@dataclass(frozen=True)
class Probe:
    """One estimate of the hyper-gradient g_rho = - g_a . g_b with g_b = H d, at one step."""

    step: int
    """0-based"""
    epoch: int
    """1-based"""
    rho: float
    """the radius of the step"""
    direction: str
    """d: that of the gradient at theta_{t+1} (algorithm), or eps_hat of theta_t (derivation)"""
    hessian: str
    """H: diagonal (Eq. 5), finite-difference or exact"""
    hypergradient: float
    """with respect to rho, without the factor eta"""
    cosine: float
    """between g_b and the exact g_b of the same direction; NaN if one of them is zero"""
    ratio: float
    """absolute value over that of the true one"""
    agrees: bool
    """whether its sign is the true one's"""

    @property
    def estimator(self) -> Estimator:
        """Direction and Hessian."""
        return self.direction, self.hessian


def probes_of(
    step: int, epoch: int, rho: float, found: Mapping[Estimator, tuple[float, float]]
) -> list[Probe]:
    """Return the probes of one step from the hyper-gradient and the cosine that each estimator gave."""
    true, _ = found[TRUE]
    return [
        Probe(
            step,
            epoch,
            rho,
            *estimator,
            value,
            cosine,
            abs(value / true) if true else nan,
            _sign(value) == _sign(true),
        )
        for estimator, (value, cosine) in found.items()
    ]


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def probes_text(probes: Sequence[Probe]) -> str:
    """Return the csv; every float reads back as it was."""
    return rows_text(Probe, probes)


def read_probes(path: Path) -> list[Probe]:
    """Read the csv back; raises RecordError naming the file and line when it is not one of ours."""
    return read_rows(Probe, path, REMEDY)


@dataclass(frozen=True)
class Typical:
    """One estimator over all probes of a run: medians, and how many signs are the true one's."""

    estimator: Estimator
    ratio: float
    cosine: float
    agreeing: int
    n: int

    @property
    def share(self) -> float:
        """Signs that agree, in percent."""
        return 100 * self.agreeing / self.n


def by_estimator(probes: Sequence[Probe]) -> dict[Estimator, list[Probe]]:
    """Return the probes of a run by direction and Hessian, in the order of the steps."""
    found: dict[Estimator, list[Probe]] = {}
    for probe in probes:
        found.setdefault(probe.estimator, []).append(probe)
    return found


def typical(probes: Sequence[Probe]) -> list[Typical]:
    """Return a summary of each estimator."""
    return [_typical(estimator, of_estimator) for estimator, of_estimator in by_estimator(probes).items()]


def _typical(estimator: Estimator, probes: list[Probe]) -> Typical:
    ratio, cosine = _median(probe.ratio for probe in probes), _median(probe.cosine for probe in probes)
    return Typical(estimator, ratio, cosine, sum(probe.agrees for probe in probes), len(probes))


def _median(values: Iterable[float]) -> float:
    """The median of those that are defined."""
    defined = [value for value in values if not isnan(value)]
    return statistics.median(defined) if defined else nan


def _csv(name: str, found: Analyses[Probe]) -> Csv:
    """Return one line per estimator and run."""
    header = [
        "table",
        "method",
        "direction",
        "hessian",
        "median_ratio",
        "median_cosine",
        "agreeing",
        "n",
        "run",
    ]
    lines = [
        [one.run.spec.method, *each.estimator, each.ratio, each.cosine, each.agreeing, each.n, one.run.id]
        for one in found.shown
        for each in typical(one.rows)
    ]
    return Csv(header, [method_record(name, line) for line in lines])


def estimator_title(estimator: Estimator) -> str:
    """Return the Hessian of an estimator as printed; the exact one along the derivation gives the true number."""
    return "Exact: the true hyper-gradient" if estimator == TRUE else HESSIANS[estimator[1]]


def _blocks(one: Analysed[Probe]) -> Iterator[Block]:
    """Yield the rows of one run, a block per direction; all are one address, for they rest on one analysis."""
    method = value_title("method", one.run.spec.method)
    for direction, title in DIRECTIONS.items():
        rows = [
            _row(one.run.id, method, each) for each in typical(one.rows) if each.estimator[0] == direction
        ]
        if rows:
            yield Block(f"{method}, {title}", tuple(rows))


def _row(run: str, method: str, one: Typical) -> Row:
    texts = (
        (f"{one.ratio:.3g}", ""),
        (f"{one.cosine:.2f}", ""),
        (f"{one.share:.0f} %", f"{one.agreeing} of {one.n}"),
    )
    cells = (Cell(text, note, hover=run, runs=(run,), address=method) for text, note in texts)
    return estimator_title(one.estimator), tuple(cells)


def _notes(item: Hypergradient, found: Analyses[Probe]) -> Iterator[str]:
    interval = "step" if item.every == 1 else f"{item.every} steps"
    yield (
        f"The hyper-gradient g = - a · H d, taken every {interval} of a training: a is the gradient of the "
        "generalization metric, H stands for the Hessian, d for the direction in which the radius moves the "
        "weights. The true one, the derivative of the step, has the exact Hessian along the old perturbation."
    )
    yield (
        "Medians over the probes: size of g over that of the true one; cosine between H d and the exact product "
        "along the same d. Same sign: share of the probes at which g has the sign of the true one."
    )
    yield from run_notes(found)


_LOOKS = {
    ("algorithm", "diagonal"): ("#8f3e00", "^"),
    ("algorithm", "exact"): ("#0173b2", "s"),
    ("derivation", "diagonal"): ("#f5a86c", "v"),
    ("derivation", "finite-difference"): ("#029e73", "D"),
    TRUE: ("#1c1d1f", "o"),
}
"""colour and marker; the two diagonal ones often lie on top of each other: dark and dashed on light and solid"""
_DIRECTIONS = {"algorithm": "Algorithm 1", "derivation": "derivation"}


def _draw(found: Analyses[Probe]) -> "Figure":
    """Two panels per method."""
    from matplotlib.figure import Figure

    from lets.figures.canvas import PANEL, legend_above

    count = len(found.shown)
    figure = Figure(figsize=(2 * PANEL[0] + 0.4, PANEL[1] * 2.3 * count + 0.8))
    grid = figure.subplots(2 * count, 1, squeeze=False, height_ratios=(1.5, 1) * count).reshape(count, 2)
    for one, (above, below) in zip(found.shown, grid, strict=True):
        above.set_title(value_title("method", one.run.spec.method))
        if one.rows:
            _sizes(above, one.rows)
            _agreement(below, one.rows)
        else:
            above.text(0.5, 0.5, one.run.state, transform=above.transAxes, ha="center", color=GREY)
            below.set_axis_off()
    legend_above(figure, [above for above, _ in grid])
    return figure


def _sizes(axes: "Axes", rows: Sequence[Probe]) -> None:
    """Draw |g| of each estimator; a marker is filled where the sign is the true one's."""
    from matplotlib.ticker import MaxNLocator

    for estimator, probes in by_estimator(rows).items():
        look, steps = _look(estimator, crowded=len(probes) > 60), [probe.step for probe in probes]
        sizes = [abs(probe.hypergradient) or float("nan") for probe in probes]
        axes.plot(steps, sizes, label=_title(estimator), **look)
        there = [
            (step, size) for step, size, probe in zip(steps, sizes, probes, strict=True) if not probe.agrees
        ]
        if there:
            axes.plot(*zip(*there, strict=True), **look | {"linestyle": "", "markerfacecolor": "white"})
    axes.set_yscale("log")
    axes.set_xlabel("Step")
    axes.set_ylabel("Size of the hyper-gradient")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _agreement(axes: "Axes", probes: Sequence[Probe]) -> None:
    """Draw the share of signs that agree as bars, and print the medians beside them."""
    rows = [one for one in typical(probes) if one.estimator != TRUE]
    for place, one in enumerate(rows):
        colour, _ = _LOOKS[one.estimator]
        face, hatch = ("white", "////") if one.estimator[0] == "algorithm" else (colour, "")
        axes.barh(place, one.share, height=0.55, facecolor=face, edgecolor=colour, hatch=hatch)
        axes.text(
            1.03, place, _in_numbers(one), transform=axes.get_yaxis_transform(), va="center", fontsize=7
        )
    axes.set_yticks([])  # the legend says which colour is which
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 50, 100])
    axes.set_xlabel("Same sign as the true one (%)")
    axes.grid(visible=False, axis="y")


def _in_numbers(typical: Typical) -> str:
    return f"{typical.agreeing} of {typical.n}, {typical.ratio:.2g}, {typical.cosine:.2f}"


def _title(estimator: Estimator) -> str:
    return (
        "true hyper-gradient"
        if estimator == TRUE
        else f"{HESSIANS[estimator[1]].partition(' (')[0]}, {_DIRECTIONS[estimator[0]]}"
    )


def _look(estimator: Estimator, crowded: bool) -> dict[str, Any]:
    """Dashed and in front along Algorithm 1's direction; the true one is thick."""
    colour, marker = _LOOKS[estimator]
    literal = estimator[0] == "algorithm"
    return {
        "color": colour,
        "linestyle": (0, (4, 1.6)) if literal else "-",
        "linewidth": (2.0 if estimator == TRUE else 1.2) * (0.5 if crowded else 1),
        "marker": marker,
        "markersize": 2 if crowded else 4,
        "markeredgewidth": 0.5 if crowded else 1,
        "markerfacecolor": colour,
        "zorder": 3 if literal else 2,
    }
