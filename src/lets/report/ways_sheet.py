"""The table of a hyper-gradient analysis: a row per Hessian, a block per direction, medians over the probes."""

from collections.abc import Iterator

from lets.records.probes import TRUE, Probe, Way
from lets.report.analysed import Analysed, Analyses, run_notes
from lets.report.labels import value_title
from lets.report.sheet import Block, Entry, Row, Sheet
from lets.report.tidy import csv_text
from lets.report.ways import Typical, typical
from lets.spec.params import Hypergradient

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


def ways_sheet(name: str, item: Hypergradient, ways: Analyses[Probe]) -> Sheet:
    """Put the analysis into words."""
    blocks = tuple(block for one in ways.shown for block in blocks_of(one))
    return Sheet(name, item.title, "Hessian", COLUMNS, blocks, frozenset(), tuple(_notes(item, ways)))


def ways_csv(name: str, ways: Analyses[Probe]) -> str:
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
        [name, one.run.spec.method, *way.way, way.ratio, way.cosine, way.agreeing, way.n, one.run.id]
        for one in ways.shown
        for way in typical(one.rows)
    ]
    return csv_text(header, lines)


def way_title(way: Way) -> str:
    """Return the Hessian of a way as printed; the exact one along the derivation gives the true number."""
    return "Exact: the true hyper-gradient" if way == TRUE else HESSIANS[way[1]]


def blocks_of(one: Analysed[Probe]) -> Iterator[Block]:
    """Yield the rows of one run, a block per direction."""
    method = value_title("method", one.run.spec.method)
    for direction, title in DIRECTIONS.items():
        rows = [_row(one.run.id, way) for way in typical(one.rows) if way.way[0] == direction]
        if rows:
            yield Block(f"{method}, {title}", tuple(rows))


def _row(run: str, way: Typical) -> Row:
    texts = (f"{way.ratio:.3g}", f"{way.cosine:.2f}")
    sign = Entry(f"{way.share:.0f} %", f"{way.agreeing} of {way.n}", hover=run, runs=(run,))
    return way_title(way.way), (*(Entry(text, hover=run, runs=(run,)) for text in texts), sign)


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
