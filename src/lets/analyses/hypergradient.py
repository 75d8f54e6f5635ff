"""LETS's hyper-gradient along a training, taken in several ways, and how far each is from the true one."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from lets.analyses.analysis import Analysed, Analyses, Analysis, method_record, read_analyses, run_notes
from lets.config.effort import Network, hypergradient_flops
from lets.config.labels import value_title
from lets.config.matrix import Matrix
from lets.config.messages import Location, Problem, line
from lets.config.run import RunSpec
from lets.config.strict import Count
from lets.optim.catalogue import METHODS
from lets.runs.outcomes import Records
from lets.runs.rows import read_rows, rows_text
from lets.tables.table import Block, Cell, Csv, Row, Table

if TYPE_CHECKING:
    import matplotlib.figure


Way = tuple[str, str]
"""direction and Hessian"""
TRUE: Way = ("derivation", "exact")
"""the way to the true hyper-gradient, the derivative of the step (§3.2)"""
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

    def draw(self, numbers: "Analyses[Probe]") -> "matplotlib.figure.Figure":
        """Draw sizes over steps, and signs, ratios and cosines."""
        from lets.analyses.drawings.hypergradient import draw_hypergradient

        return draw_hypergradient(numbers)


@dataclass(frozen=True)
class Probe:
    """One way to take the hyper-gradient g_rho = - g_a . g_b with g_b = H d, at one step."""

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
    def way(self) -> Way:
        """Direction and Hessian."""
        return self.direction, self.hessian


def probes_of(step: int, epoch: int, rho: float, found: Mapping[Way, tuple[float, float]]) -> list[Probe]:
    """Return the probes of one step from the hyper-gradient and the cosine that each way gave."""
    true, _ = found[TRUE]
    return [
        Probe(
            step,
            epoch,
            rho,
            *way,
            value,
            cosine,
            abs(value / true) if true else nan,
            _sign(value) == _sign(true),
        )
        for way, (value, cosine) in found.items()
    ]


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def probes_text(probes: Sequence[Probe]) -> str:
    """Return the csv; every float reads back as it was."""
    return rows_text(Probe, probes)


def read_probes(path: Path) -> list[Probe]:
    """Read the csv back; raises RecordError naming the file and line when it is not one of ours."""
    return read_rows(Probe, path, "delete it and make it again:  snakemake --cores all")


@dataclass(frozen=True)
class Typical:
    """One way over all probes of a run: medians, and how many signs are the true one's."""

    way: Way
    ratio: float
    cosine: float
    agreeing: int
    n: int

    @property
    def share(self) -> float:
        """Signs that agree, in percent."""
        return 100 * self.agreeing / self.n


def by_way(probes: Sequence[Probe]) -> dict[Way, list[Probe]]:
    """Return the probes of a run by direction and Hessian, in the order of the steps."""
    found: dict[Way, list[Probe]] = {}
    for probe in probes:
        found.setdefault(probe.way, []).append(probe)
    return found


def typical(probes: Sequence[Probe]) -> list[Typical]:
    """Return a summary of each way."""
    return [_typical(way, of_way) for way, of_way in by_way(probes).items()]


def _typical(way: Way, probes: list[Probe]) -> Typical:
    ratio, cosine = _median(probe.ratio for probe in probes), _median(probe.cosine for probe in probes)
    return Typical(way, ratio, cosine, sum(probe.agrees for probe in probes), len(probes))


def _median(values: Iterable[float]) -> float:
    """The median of those that are defined."""
    defined = [value for value in values if not isnan(value)]
    return statistics.median(defined) if defined else nan


def _csv(name: str, found: Analyses[Probe]) -> Csv:
    """Return one line per way and run."""
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
        [one.run.spec.method, *way.way, way.ratio, way.cosine, way.agreeing, way.n, one.run.id]
        for one in found.shown
        for way in typical(one.rows)
    ]
    return Csv(header, [method_record(name, line) for line in lines])


def way_title(way: Way) -> str:
    """Return the Hessian of a way as printed; the exact one along the derivation gives the true number."""
    return "Exact: the true hyper-gradient" if way == TRUE else HESSIANS[way[1]]


def _blocks(one: Analysed[Probe]) -> Iterator[Block]:
    """Yield the rows of one run, a block per direction; all are one address, for they rest on one analysis."""
    method = value_title("method", one.run.spec.method)
    for direction, title in DIRECTIONS.items():
        rows = [_row(one.run.id, method, way) for way in typical(one.rows) if way.way[0] == direction]
        if rows:
            yield Block(f"{method}, {title}", tuple(rows))


def _row(run: str, method: str, way: Typical) -> Row:
    texts = (
        (f"{way.ratio:.3g}", ""),
        (f"{way.cosine:.2f}", ""),
        (f"{way.share:.0f} %", f"{way.agreeing} of {way.n}"),
    )
    cells = (Cell(text, note, hover=run, runs=(run,), address=method) for text, note in texts)
    return way_title(way.way), tuple(cells)


def _notes(item: Hypergradient, ways: Analyses[Probe]) -> Iterator[str]:
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
    yield from run_notes(ways)
