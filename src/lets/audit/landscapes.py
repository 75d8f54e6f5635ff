"""Check: a sample of loss landscapes computed again at nine of their points."""

import math
from collections.abc import Iterator

from lets.analyses.landscape import Landscape, Point, read_points
from lets.audit.analyses import analyses, computed_again, wrong
from lets.audit.case import Case
from lets.audit.findings import Check
from lets.errors import DataError, LetsError
from lets.runs.rows import parse_rows

LOSS = 1e-4
"""Relative; the machine that computed a landscape is not recorded, and another one rounds otherwise."""


def check_landscapes(case: Case) -> Check:
    """The landscapes that are drawn have the losses that the weights give now."""
    there = analyses(case, Landscape)
    chosen = case.drawn(there)
    found = {run: [*_reasons(case, run, there[run])] for run in chosen}
    failures = [wrong(case, run, there[run], reason) for run in chosen for reason in found[run] if reason]
    confirmed = frozenset(run for run in chosen if not found[run])
    about = "loss landscapes computed again at nine points"
    return Check("landscapes", about, len(chosen), tuple(failures), confirmed=confirmed)


def _reasons(case: Case, run: str, figure: Landscape) -> Iterator[str]:
    """Compare the corners, the middles of the sides and the middle, which any odd grid of this extent has."""
    try:
        points = read_points(case.layout.landscape(run))
        again = parse_rows(Point, computed_again(case, run, figure, points=3))
    except DataError:
        yield ""  # named by the check of the data
        return
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        yield f"cannot be computed again: {error}"
        return
    stored = {(point.a, point.b): point.loss for point in points}
    if len(points) != figure.points**2:
        yield f"has {len(points)} points, the params ask for {figure.points} × {figure.points}"
        return
    for point in again:
        said = stored.get((point.a, point.b), math.nan)
        if not math.isclose(said, point.loss, rel_tol=LOSS):
            yield f"says {said} at ({point.a:g}, {point.b:g}), the weights give {point.loss}"
            return
