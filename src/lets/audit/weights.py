"""Check: a sample of runs evaluated again from their weights."""

import math
import random
from dataclasses import dataclass

from lets.audit.case import Case
from lets.audit.findings import Check, damaged
from lets.errors import DataError, LetsError, RecordError
from lets.records import RunRecord, Status
from lets.spec import RunSpec, seed_for
from lets.spec.training import Precision

TOLERANCE: dict[Precision, tuple[float, float]] = {
    "float32": (1e-4, 0.05),
    "tf32": (2e-3, 0.1),
    "bfloat16": (2e-2, 0.5),
}
"""Loss, relative, and accuracy, in points, of runs that another kind of machine made. It sums float32 in another
order: about 1e-6 per logit, some 1e-5 in the mean loss. Rounded to bfloat16 the loss of small networks moved by up
to 7e-3; tf32 has three more bits. Weights of another seed or epoch move the loss by 1e-2 and more, in float32
always seen; a tie that tips is 0.01 points of CIFAR's 10,000 test images."""


SCORES = 10
"""How much more than accuracy a score may move: one other word moves BLEU, one sentence Matthews' correlation."""


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
    failures, confirmed = [], set[str]()
    for run in chosen:
        try:
            reason = _reason(case, case.records[run])
        except (DataError, RecordError):
            continue  # named by the checks of the data and of the matrix
        if reason:
            failures.append(damaged(case, run, reason))
        else:
            confirmed.add(run)
    about = "runs evaluated again from weights and data"
    return Sample(Check("weights", about, len(chosen), tuple(failures)), frozenset(confirmed))


def _reason(case: Case, record: RunRecord) -> str:
    """Why the weights of a run cannot have given its numbers; nothing if they do."""
    from lets.train.evaluation import evaluate_weights

    spec, said = case.matrix.runs[record.id], record.metrics
    exact = _repeatable(record, spec) and case.device == "cpu"
    try:
        loss, accuracy, scores = evaluate_weights(spec, case.layout, case.device)
    except (DataError, RecordError):
        raise
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        return f"its weights cannot be evaluated: {error}"
    if said.test_loss is None or said.test_accuracy is None:
        return ""  # named by the check of the numbers
    of_loss, of_accuracy = (0.0, 0.0) if exact else TOLERANCE[spec.training.precision]
    same_loss = math.isclose(loss, said.test_loss, rel_tol=of_loss)
    for name, value in (scores or {}).items():
        told = (said.scores or {}).get(name, math.nan)
        if not abs(value - told) <= of_accuracy * SCORES:
            return f"its weights give {name} {value}, metrics.json says {told}"
    if same_loss and abs(accuracy - said.test_accuracy) <= of_accuracy:
        return ""
    return (
        f"its weights give test loss {loss} and accuracy {accuracy}, "
        f"metrics.json says {said.test_loss} and {said.test_accuracy}"
    )


def _repeatable(record: RunRecord, spec: RunSpec) -> bool:
    """Whether a CPU can repeat the run's sums bit for bit here; if so, it computes with as many threads.

    Several ranks added up their parts in another order than one process does.
    """
    from lets.records.provenance import image, machine, packages
    from lets.train.device import compute_deterministically

    made = record.provenance
    threads = int(made.machine.get("threads", 1))
    compute_deterministically(threads, spec.training.precision)
    here = machine("cpu", threads)
    same_machine = all(made.machine.get(key) == here[key] for key in ("device", "cpu", "threads"))
    same_software = made.packages == packages() and made.image == image()
    return same_machine and same_software and spec.training.ranks == 1
