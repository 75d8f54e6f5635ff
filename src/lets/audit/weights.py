"""Check: a sample of runs evaluated again from their weights."""

import math
import random
from dataclasses import dataclass

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged
from lets.errors import LetsError, RecordError
from lets.records import RunRecord, Status
from lets.spec import seed_for

LOSS = 1e-4
"""Relative. Another machine sums float32 in another order: about 1e-6 per logit, some 1e-5 in the mean loss.
Weights that belong to another seed or epoch move the loss by 1e-2 and more."""
ACCURACY = 0.05
"""Points. Such rounding may tip a tie: 0.05 are five of CIFAR's 10,000 test images, none of digits' 360."""


@dataclass(frozen=True)
class Sample:
    """The check, and the runs whose weights gave their numbers again."""

    check: Check
    confirmed: frozenset[str]


def check_weights(case: Case, count: int) -> Sample:
    """Evaluate `count` finished runs again; the profile seeds the sample, so two audits draw the same."""
    finished = sorted(run for run, state in case.states.items() if state is Status.FINISHED)
    draw = random.Random(seed_for("audit", case.params.profile))
    chosen = draw.sample(finished, min(count, len(finished)))
    failures = {run: finding for run in chosen if (finding := _run(case, case.records[run]))}
    check = Check(
        "weights", "runs evaluated again from weights and data", len(chosen), tuple(failures.values())
    )
    return Sample(check, frozenset(chosen) - failures.keys())


def _run(case: Case, record: RunRecord) -> Finding | None:
    from lets.train.evaluation import evaluate_weights

    try:
        exact = _same_machine(record)
        loss, accuracy = evaluate_weights(case.matrix.runs[record.id], case.layout)
    except RecordError:
        return None  # named by the check of the matrix
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        return damaged(case, record.id, f"its weights cannot be evaluated: {error}")
    said = record.metrics
    if said.test_loss is None or said.test_accuracy is None:
        return None  # named by the check of the numbers
    same_loss = math.isclose(loss, said.test_loss, rel_tol=0 if exact else LOSS)
    if same_loss and abs(accuracy - said.test_accuracy) <= (0 if exact else ACCURACY):
        return None
    return damaged(
        case,
        record.id,
        f"its weights give test loss {loss} and accuracy {accuracy}, "
        f"metrics.json says {said.test_loss} and {said.test_accuracy}",
    )


def _same_machine(record: RunRecord) -> bool:
    """Whether this process can repeat the run's sums bit for bit; if so, it computes with as many threads."""
    from lets.records.provenance import machine, packages
    from lets.train.device import compute_deterministically

    made = record.provenance
    threads = int(made.machine.get("threads", 1))
    compute_deterministically(threads)
    here = machine("cpu", threads)
    return made.packages == packages() and all(
        made.machine.get(key) == here[key] for key in ("device", "cpu", "threads")
    )
