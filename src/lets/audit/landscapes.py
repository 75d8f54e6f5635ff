"""Check: a sample of loss landscapes computed again at nine of their points."""

import csv
import math
import random
from collections.abc import Iterator

from lets.audit.analyses import analyses, wrong
from lets.audit.case import Case
from lets.audit.findings import Check
from lets.errors import LetsError
from lets.spec import seed_for
from lets.spec.params import Landscape

LOSS = 1e-4
"""Relative; the machine that computed a landscape is not recorded, and another one rounds otherwise."""


def check_landscapes(case: Case, count: int) -> Check:
    """Every landscape is there; `count` of them have the losses that the weights give now."""
    there, failures = analyses(case, Landscape)
    draw = random.Random(seed_for("audit", case.params.profile))
    chosen = draw.sample(list(there), min(count, len(there)))
    for run in chosen:
        failures += [wrong(case, run, there[run], reason) for reason in _reasons(case, run, there[run])]
    return Check("landscapes", "loss landscapes computed again at nine points", len(chosen), tuple(failures))


def _reasons(case: Case, run: str, figure: Landscape) -> Iterator[str]:
    """Compare the corners, the middles of the sides and the middle, which any odd grid of this extent has."""
    from lets.analysis import loss_landscape

    spec = case.matrix.runs[run]
    try:
        text = loss_landscape(
            spec, case.layout, points=3, extent=figure.extent, samples=figure.samples, device="cpu"
        )
        stored = _losses(case.layout.landscape(run).read_text())
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        yield f"cannot be computed again: {error}"
        return
    for (a, b), loss in _losses(text).items():
        if not math.isclose(stored.get((a, b), math.nan), loss, rel_tol=LOSS):
            yield f"says {stored.get((a, b))} at ({a:g}, {b:g}), the weights give {loss}"
            return


def _losses(text: str) -> dict[tuple[float, float], float]:
    return {(float(a), float(b)): float(loss) for a, b, loss in list(csv.reader(text.splitlines()))[1:]}
