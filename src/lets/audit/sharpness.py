"""Check: every sharpness analysis has what the params ask for, and a sample of them is computed again."""

import math
from collections.abc import Iterator

from lets.analyses.sharpness import EIGENVALUE, M_SHARPNESS, TRACE, Measure, Sharpness, read_measures
from lets.audit.analyses import analyses, computed_again, wrong
from lets.audit.case import Case
from lets.audit.findings import Check
from lets.errors import DataError, LetsError
from lets.runs.rows import parse_rows

VALUE = 1e-3
"""Relative; another machine rounds otherwise: some 1e-5, of differences of losses and of sums over many signs."""
ROUNDING = 1e-6
"""nats: what a difference of two losses in float32 may be off by, however small it is"""
ERROR = 0.1, 1e-5
"""Relative and absolute: standard errors are as exact as values, a residual may be nothing but rounding."""


def check_sharpness(case: Case) -> Check:
    """Every analysis is whole; those that are drawn give their numbers again."""
    there = analyses(case, Sharpness)
    chosen = case.drawn(there)
    found = {run: [*_reasons(case, run, item, run in chosen)] for run, item in there.items()}
    failures = [
        wrong(case, run, item, reason) for run, item in there.items() for reason in found[run] if reason
    ]
    confirmed = frozenset(run for run in chosen if not found[run])
    about = "sharpness computed again from weights and data"
    return Check("sharpness", about, len(chosen), tuple(failures), confirmed=confirmed)


def _reasons(case: Case, run: str, item: Sharpness, again: bool) -> Iterator[str]:
    try:
        stored = read_measures(case.layout.sharpness(run))
        if reason := _other_settings(stored, item):
            yield reason
        elif again:
            computed = parse_rows(Measure, computed_again(case, run, item))
            pairs = zip(stored, computed, strict=True)
            yield from (reason for said, now in pairs if (reason := _difference(said, now)))
    except DataError:
        yield ""  # named by the check of the data
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        yield f"cannot be computed again: {error}"


def _other_settings(stored: list[Measure], item: Sharpness) -> str | None:
    wanted: list[tuple[str, float]] = [(EIGENVALUE, rank + 1) for rank in range(item.eigenvalues)]
    wanted += [(TRACE, 0), *((M_SHARPNESS, radius) for radius in item.radii)]
    found = [(one.quantity, one.at) for one in stored]
    groups = item.samples // item.m
    if found != wanted:
        return f"has {_listed(found)}; the params ask for {_listed(wanted)}"
    for one in stored:
        if one.n != {TRACE: item.probes, M_SHARPNESS: groups}.get(one.quantity, one.n):
            return f"its {_name(one)} is the mean of {one.n}, by the params of {item.probes} vectors, {groups} groups"
    return None


def _difference(said: Measure, now: Measure) -> str | None:
    relative, absolute = ERROR
    least = ROUNDING if said.quantity == M_SHARPNESS else 0.0
    if said.n != now.n:
        return f"says n = {said.n} for its {_name(said)}, the weights give {now.n}"
    if not _close(said.value, now.value, VALUE, least):
        return f"says {said.value} for its {_name(said)}, the weights give {now.value}"
    if not _close(said.error, now.error, relative, absolute):
        return f"says {said.error} for the error of its {_name(said)}, the weights give {now.error}"
    return None


def _close(said: float, now: float, relative: float, absolute: float) -> bool:
    """NaN, which a diverged training and a single group leave, is as good as NaN."""
    return math.isclose(said, now, rel_tol=relative, abs_tol=absolute) or (said != said and now != now)


def _name(one: Measure) -> str:
    return one.quantity + (f" {one.at:g}" if one.quantity != TRACE else "")


def _listed(found: list[tuple[str, float]]) -> str:
    return ", ".join(f"{quantity} {at:g}" if at else quantity for quantity, at in found)
