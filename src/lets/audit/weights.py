"""Check: runs evaluated again from their weights, all of them or those that are drawn."""

import math

from lets.audit.case import Case
from lets.audit.findings import Check, damaged
from lets.config import RunSpec
from lets.config.paths import Layout
from lets.config.training import Precision
from lets.errors import DataError, LetsError
from lets.runs import RunRecord, Status

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


def check_weights(case: Case) -> Check:
    """The finished runs that are drawn give their numbers again."""
    finished = [run for run, state in case.states.items() if state is Status.FINISHED]
    chosen = case.drawn(finished) if case.layout.keep_weights else []
    failures, confirmed = [], set[str]()
    for run in chosen:
        try:
            reason = _reason(case, case.records[run])
        except DataError:
            continue  # named by the check of the data
        if reason:
            failures.append(damaged(case, run, reason))
        else:
            confirmed.add(run)
    about = "runs evaluated again from weights and data"
    if not case.layout.keep_weights:
        about += ": none has kept its weights (--deep trains one again)"
    return Check("weights", about, len(chosen), tuple(failures), confirmed=frozenset(confirmed))


def _reason(case: Case, record: RunRecord) -> str:
    """Why the weights of a run cannot have given its numbers; nothing if they do."""
    spec, said = case.matrix.runs[record.id], record.metrics.model_dump()
    exact = repeatable(record, spec) and case.device == "cpu"
    try:
        now = evaluated(spec, case.layout, case.device)
    except DataError:
        raise
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        return f"its weights cannot be evaluated: {error}"
    told = {**said, **(said["scores"] or {})}
    wrong = [
        f"{name} {value}, metrics.json says {told.get(name)}"
        for name, value in now.items()
        if not _agree(name, value, told.get(name), exact, spec.training.precision)
    ]
    return f"its weights give {'; '.join(wrong)}" if wrong else ""


def evaluated(spec: RunSpec, layout: Layout, device: str) -> dict[str, float]:
    """Return every number of metrics.json that weights and data alone decide."""
    import torch

    from lets.train.job import restored_model
    from lets.train.run_data import RunData
    from lets.train.tasks import evaluate, task_of

    data, task = RunData.read(spec, layout, torch.device(device)), task_of(spec.dataset)
    model = restored_model(spec, layout, data)
    test, train = (
        evaluate(model, batches, spec.training.precision, task=task) for batches in (data.test, data.measured)
    )
    return {
        "test_loss": test.loss,
        "test_accuracy": test.accuracy,
        "train_loss": train.loss,
        "train_accuracy": train.accuracy,
        **(data.scores(model) if data.scores else {}),
    }


def _agree(name: str, now: float, said: float | None, exact: bool, precision: Precision) -> bool:
    if said is None or exact:
        return now == said
    of_loss, of_accuracy = TOLERANCE[precision]
    if name.endswith("_loss"):
        return math.isclose(now, said, rel_tol=of_loss)
    return abs(now - said) <= of_accuracy * (1 if name.endswith("_accuracy") else SCORES)


def repeatable(record: RunRecord, spec: RunSpec) -> bool:
    """Whether a CPU can repeat the run's sums bit for bit here; if so, it computes with as many threads.

    It cannot if the processor is another one, or not recorded. Several ranks added up their parts in another
    order than one process does.
    """
    import torch

    from lets.runs.provenance import image, machine, packages
    from lets.train.device import compute_deterministically

    made = record.provenance
    threads = made.machine.threads or 1
    compute_deterministically(threads, spec.training.precision)
    here = machine("cpu", threads, torch.backends.cpu.get_cpu_capability())
    same_software = made.packages == packages() and made.image == image()
    return made.machine.rounds_like(here) and same_software and spec.training.ranks == 1
