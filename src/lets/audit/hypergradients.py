"""Check: analyses of the hyper-gradient against the traces of their runs, and within themselves.

Nothing is trained again: an analysis costs more than its run. The way in which the run itself took its
hyper-gradient stands in its trace; what the other ways gave is checked as far as it hangs together.
"""

import math
from collections.abc import Iterator
from dataclasses import astuple
from typing import TYPE_CHECKING

from lets.analyses.hypergradient import TRUE, Hypergradient, Probe, probes_of, read_probes
from lets.audit.analyses import analyses, wrong
from lets.audit.case import Case
from lets.audit.findings import Check, Finding
from lets.config import RunSpec
from lets.errors import RecordError

if TYPE_CHECKING:
    from lets.runs.history import Columns

FIRST = 1e-2
"""Relative; every machine starts from the same weights, and float32 rounds the difference of two losses."""


def check_hypergradients(case: Case) -> Check:
    """Every analysis follows its run's trace, and its ratios and signs follow from its hyper-gradients."""
    there = analyses(case, Hypergradient)
    failures: list[Finding] = []
    warnings: list[str] = []
    for run, item in there.items():
        try:
            probes = read_probes(case.layout.hypergradient(run))
        except RecordError as error:
            failures.append(wrong(case, run, item, f"cannot be checked: {error}"))
            continue
        spec, trace = case.matrix.runs[run], case.records[run].trace()
        reasons = [*_reasons(probes, trace, spec, item.every)]
        failures += [wrong(case, run, item, reason) for reason in reasons]
        warnings += [] if reasons else _strays(probes, trace, spec)
    about = "hyper-gradients along a run against its trace"
    return Check("hypergradients", about, len(there), tuple(failures), tuple(warnings))


def _reasons(probes: list[Probe], trace: "Columns", spec: RunSpec, every: int) -> Iterator[str]:
    if "hypergradient" not in trace:
        yield "the trace of its run has no hyper-gradient"
        return
    learned = [step for step, value in enumerate(trace["hypergradient"]) if not math.isnan(value)]
    wanted = [step for step in learned if step % every == 0]
    if list(dict.fromkeys(probe.step for probe in probes)) != wanted:
        yield f"its probes are not at the {len(wanted)} steps, {every} by {every}, at which the radius learned"
        return
    for step in wanted:
        if not _hangs_together([probe for probe in probes if probe.step == step]):
            yield f"the numbers of step {step} do not follow from its hyper-gradients"
            return
    first = next(iter(_own(probes, spec)), None)
    if first and not math.isclose(first.hypergradient, trace["hypergradient"][first.step], rel_tol=FIRST):
        said = trace["hypergradient"][first.step]
        yield f"says {first.hypergradient} at step {first.step}, the trace of the run says {said}"


def _hangs_together(probes: list[Probe]) -> bool:
    found = {probe.estimator: (probe.hypergradient, probe.cosine) for probe in probes}
    if TRUE not in found:
        return False
    one = probes[0]
    derived = probes_of(one.step, one.epoch, one.rho, found)
    return repr([astuple(probe) for probe in probes]) == repr([astuple(probe) for probe in derived])


def _strays(probes: list[Probe], trace: "Columns", spec: RunSpec) -> Iterator[str]:
    """From other rounding on, two trainings part: what is shown then is of a training like the run's."""
    for probe in _own(probes, spec):
        there = trace["rho"][probe.step], trace["hypergradient"][probe.step]
        if (probe.rho, probe.hypergradient) != there:
            yield (
                f"the hyper-gradients along {spec.id} are not those of its own training from step {probe.step} on: "
                "they were computed on another machine, or by other code"
            )
            return


def _own(probes: list[Probe], spec: RunSpec) -> list[Probe]:
    """The probes taken the way the run takes its hyper-gradient."""
    own = spec.hyperparameters["direction"], spec.hyperparameters["hessian"]
    return [probe for probe in probes if probe.estimator == own]
