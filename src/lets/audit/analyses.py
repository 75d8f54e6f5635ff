"""Checks of the analyses: hyper-gradients against the traces of their runs, the others recomputed, as sampled."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, TypeVar

from lets.analyses.analysis import Analysis
from lets.analyses.hypergradient import TRUE, Hypergradient, Probe, probes_of, read_probes
from lets.analyses.landscape import Landscape, Point, read_points
from lets.analyses.sharpness import EIGENVALUE, M_SHARPNESS, TRACE, Measure, Sharpness, read_measures
from lets.audit.context import Context
from lets.audit.findings import Check, Finding, wrong_file
from lets.config import RunSpec
from lets.errors import DataError, LetsError, RecordError
from lets.runs import Status
from lets.runs.rows import parse_rows

if TYPE_CHECKING:
    from lets.runs.history import Columns

Kind = TypeVar("Kind", bound=Analysis)

LOSS = 1e-4
"""Relative, of a landscape; the machine that computed it is not recorded, and another one rounds otherwise."""
VALUE = 1e-3
"""Relative; another machine rounds otherwise: some 1e-5, of differences of losses and of sums over many signs."""
ROUNDING = 1e-6
"""nats: what a difference of two losses in float32 may be off by, however small it is"""
ERROR = 0.1, 1e-5
"""Relative and absolute: standard errors are as exact as values, a residual may be nothing but rounding."""
FIRST = 1e-2
"""Relative; every machine starts from the same weights, and float32 rounds the difference of two losses."""


def requested(context: Context, kind: type[Kind]) -> dict[str, Kind]:
    """Return the analyses that the params ask for, as far as their runs are finished, by run in order."""
    wanted = sorted(context.project.analyses(kind).items())
    return {run: item for run, item in wanted if context.states[run] is Status.FINISHED}


def present(context: Context, kind: type[Kind]) -> dict[str, Kind]:
    """Return those that are there."""
    wanted = requested(context, kind).items()
    return {run: item for run, item in wanted if context.layout.analysis(item.kind, run).is_file()}


def wrong(context: Context, run: str, item: Analysis, reason: str, there: bool = True) -> Finding:
    """An analysis that is not what it should be, with the printed cells that rest on it."""
    items = {**context.params.tables, **context.params.figures}
    names = {name for name, other in items.items() if other.kind == item.kind}
    cells = tuple(cell for cell in context.cells_of(run) if cell.partition(":")[0] in names)
    path = context.layout.analysis(item.kind, run)
    if there:
        return wrong_file(context, path, reason, cells)
    return Finding(str(path), reason, cells, make=context.make)


def check_landscapes(context: Context) -> Check:
    """Compare the losses of sampled landscapes, at nine of their points, with those that the weights give now."""
    found = present(context, Landscape)
    sampled = context.sampled(found)
    reasons = {run: _reasons(_landscape(context, run, found[run])) for run in sampled}
    failures = _failures(context, found, reasons)
    confirmed = frozenset(run for run in sampled if not reasons[run])
    about = "loss landscapes computed again at nine points"
    return Check("landscapes", about, len(sampled), failures, confirmed=confirmed)


def check_sharpness(context: Context) -> Check:
    """Compare every sharpness analysis with the params, and the sampled ones with what the weights give now."""
    found = present(context, Sharpness)
    sampled = context.sampled(found)
    reasons = {run: _reasons(_sharpness(context, run, item, run in sampled)) for run, item in found.items()}
    failures = _failures(context, found, reasons)
    confirmed = frozenset(run for run in sampled if not reasons[run])
    about = "sharpness computed again from weights and data"
    return Check("sharpness", about, len(sampled), failures, confirmed=confirmed)


def _failures(
    context: Context, found: Mapping[str, Analysis], reasons: dict[str, list[str]]
) -> tuple[Finding, ...]:
    return tuple(
        wrong(context, run, found[run], reason) for run in reasons for reason in reasons[run] if reason
    )


def _reasons(reasons: Iterator[str]) -> list[str]:
    """Return the reasons why an analysis is wrong; an empty one where it cannot be told, for its data are wrong."""
    try:
        return [*reasons]
    except DataError:
        return [""]  # named by the check of the data
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        return [f"cannot be computed again: {error}"]


def _compute(context: Context, run: str, item: Analysis, **changes: Any) -> str:
    """Return the csv of an analysis, computed where the params say, with `changes` of its settings."""
    import torch

    from lets.analyses.compute import COMPUTE
    from lets.train.device import compute_deterministically

    compute_deterministically(torch.get_num_threads())
    settings = item.settings | changes
    return COMPUTE[item.kind](context.matrix.runs[run], context.layout, device=context.device, **settings)


def _landscape(context: Context, run: str, item: Landscape) -> Iterator[str]:
    """Compare the corners, the middles of the sides and the middle, which any odd grid of this extent has."""
    points = read_points(context.layout.landscape(run))
    now = parse_rows(Point, _compute(context, run, item, points=3))
    recorded = {(point.a, point.b): point.loss for point in points}
    if len(points) != item.points**2:
        yield f"has {len(points)} points, the params ask for {item.points} × {item.points}"
        return
    for point in now:
        loss = recorded.get((point.a, point.b), math.nan)
        if not math.isclose(loss, point.loss, rel_tol=LOSS):
            yield f"says {loss} at ({point.a:g}, {point.b:g}), the weights give {point.loss}"
            return


def _sharpness(context: Context, run: str, item: Sharpness, recompute: bool) -> Iterator[str]:
    recorded = read_measures(context.layout.sharpness(run))
    if reason := _other_settings(recorded, item):
        yield reason
    elif recompute:
        now = parse_rows(Measure, _compute(context, run, item))
        pairs = zip(recorded, now, strict=True)
        yield from (reason for pair in pairs if (reason := _difference(*pair)))


def _other_settings(recorded: list[Measure], item: Sharpness) -> str | None:
    wanted: list[tuple[str, float]] = [(EIGENVALUE, rank + 1) for rank in range(item.eigenvalues)]
    wanted += [(TRACE, 0), *((M_SHARPNESS, radius) for radius in item.radii)]
    found = [(one.quantity, one.at) for one in recorded]
    groups = item.samples // item.m
    if found != wanted:
        return f"has {_listed(found)}; the params ask for {_listed(wanted)}"
    for one in recorded:
        if one.n != {TRACE: item.probes, M_SHARPNESS: groups}.get(one.quantity, one.n):
            return f"its {_name(one)} is the mean of {one.n}, by the params of {item.probes} vectors, {groups} groups"
    return None


def _difference(recorded: Measure, now: Measure) -> str | None:
    relative, absolute = ERROR
    least = ROUNDING if recorded.quantity == M_SHARPNESS else 0.0
    if recorded.n != now.n:
        return f"says n = {recorded.n} for its {_name(recorded)}, the weights give {now.n}"
    if not _close(recorded.value, now.value, VALUE, least):
        return f"says {recorded.value} for its {_name(recorded)}, the weights give {now.value}"
    if not _close(recorded.error, now.error, relative, absolute):
        return f"says {recorded.error} for the error of its {_name(recorded)}, the weights give {now.error}"
    return None


def _close(recorded: float, now: float, relative: float, absolute: float) -> bool:
    """NaN, which a diverged training and a single group leave, is as good as NaN."""
    if math.isnan(recorded) or math.isnan(now):
        return math.isnan(recorded) and math.isnan(now)
    return math.isclose(recorded, now, rel_tol=relative, abs_tol=absolute)


def _name(one: Measure) -> str:
    return one.quantity + (f" {one.at:g}" if one.quantity != TRACE else "")


def _listed(found: list[tuple[str, float]]) -> str:
    return ", ".join(f"{quantity} {at:g}" if at else quantity for quantity, at in found)


def check_hypergradients(context: Context) -> Check:
    """Compare every analysis with its run's trace, and its ratios and signs with its hyper-gradients.

    Nothing is trained again: an analysis costs more than its run. The estimator that the run itself used stands in
    its trace; what the others gave is checked as far as it hangs together.
    """
    found = present(context, Hypergradient)
    failures: list[Finding] = []
    warnings: list[str] = []
    for run, item in found.items():
        try:
            probes = read_probes(context.layout.hypergradient(run))
        except RecordError as error:
            failures.append(wrong(context, run, item, f"cannot be checked: {error}"))
            continue
        spec, trace = context.matrix.runs[run], context.records[run].trace()
        reasons = [*_hypergradients(probes, trace, spec, item.every)]
        failures += [wrong(context, run, item, reason) for reason in reasons]
        warnings += [] if reasons else _other_training(probes, trace, spec)
    about = "hyper-gradients along a run against its trace"
    return Check("hypergradients", about, len(found), tuple(failures), tuple(warnings))


def _hypergradients(probes: list[Probe], trace: "Columns", spec: RunSpec, every: int) -> Iterator[str]:
    if "hypergradient" not in trace:
        yield "the trace of its run has no hyper-gradient"
        return
    learned = [step for step, value in enumerate(trace["hypergradient"]) if not math.isnan(value)]
    wanted = [step for step in learned if step % every == 0]
    if list(dict.fromkeys(probe.step for probe in probes)) != wanted:
        yield f"its probes are not at the {len(wanted)} steps, {every} by {every}, at which the radius learned"
        return
    for step in wanted:
        if not _consistent([probe for probe in probes if probe.step == step]):
            yield f"the numbers of step {step} do not follow from its hyper-gradients"
            return
    first = next(iter(_own(probes, spec)), None)
    if first and not math.isclose(first.hypergradient, trace["hypergradient"][first.step], rel_tol=FIRST):
        recorded = trace["hypergradient"][first.step]
        yield f"says {first.hypergradient} at step {first.step}, the trace of the run says {recorded}"


def _consistent(probes: list[Probe]) -> bool:
    found = {probe.estimator: (probe.hypergradient, probe.cosine) for probe in probes}
    if TRUE not in found:
        return False
    one = probes[0]
    derived = probes_of(one.step, one.epoch, one.rho, found)
    return repr([astuple(probe) for probe in probes]) == repr([astuple(probe) for probe in derived])


def _other_training(probes: list[Probe], trace: "Columns", spec: RunSpec) -> Iterator[str]:
    """From other rounding on, two trainings part: what is shown then is of a training like the run's."""
    for probe in _own(probes, spec):
        recorded = trace["rho"][probe.step], trace["hypergradient"][probe.step]
        if (probe.rho, probe.hypergradient) != recorded:
            yield (
                f"the hyper-gradients along {spec.id} are not those of its own training from step {probe.step} on: "
                "they were computed on another machine, or by other code"
            )
            return


def _own(probes: list[Probe], spec: RunSpec) -> list[Probe]:
    """Return the probes of the estimator that the run itself uses."""
    own = spec.hyperparameters["direction"], spec.hyperparameters["hessian"]
    return [probe for probe in probes if probe.estimator == own]
