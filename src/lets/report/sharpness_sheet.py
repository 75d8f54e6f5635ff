"""The table of a sharpness analysis: a row per method."""

import math
from collections.abc import Iterator

from lets.records.rows import columns
from lets.records.sharpness import Measure
from lets.report.analysed import Analysed, Analyses, run_notes
from lets.report.labels import value_title
from lets.report.sharpness import Minimum
from lets.report.sheet import Block, Entry, Row, Sheet
from lets.report.tidy import csv_text
from lets.spec.params import Sharpness

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def sharpness_sheet(name: str, item: Sharpness, measures: Analyses[Measure]) -> Sheet:
    """Put the analysis into words."""
    titles = tuple(heads(item))
    rows = tuple(_row(one, len(titles)) for one in measures.shown)
    notes = tuple(_notes(item, measures))
    return Sheet(name, item.title, "Method", titles, (Block("", rows),), frozenset(), notes)


def heads(item: Sharpness) -> Iterator[str]:
    """Yield the titles of the columns."""
    yield eigenvalue_title(1)
    if item.eigenvalues > 1:
        yield f"{eigenvalue_title(1)}/{eigenvalue_title(item.eigenvalues)}"
    yield "Trace"
    yield from (f"S({radius:g})" for radius in item.radii)


def sharpness_csv(name: str, measures: Analyses[Measure]) -> str:
    """Return one line per number and run."""
    lines = [[name, *line] for line in measures.lines()]
    return csv_text(["table", "method", "run", *columns(Measure)], lines)


def eigenvalue_title(rank: int) -> str:
    """Return λ₁, λ₂, …"""
    return f"λ{str(rank).translate(_SUBSCRIPTS)}"


def _row(one: Analysed[Measure], width: int) -> Row:
    absent = ["diverged" if one.run.state == "diverged" else "—"] * width
    texts = _texts(Minimum.of(one.rows)) if one.rows else iter(absent)
    entries = tuple(Entry(text, hover=one.run.id, runs=(one.run.id,)) for text in texts)
    return value_title("method", one.run.spec.method), entries


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
