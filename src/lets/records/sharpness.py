"""What `lets analyse sharpness` leaves: a line per number that says how sharp the minimum of a run is."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from pathlib import Path

from lets.errors import RecordError
from lets.records.rows import read_rows, rows_text

EIGENVALUE, TRACE, M_SHARPNESS = "eigenvalue", "trace", "m-sharpness"
REMEDY = "delete it and make it again:  snakemake --cores all"


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


_ORDER = (EIGENVALUE, TRACE, M_SHARPNESS)
