"""Check: methods are compared on equal terms, on the same data and the same noisy labels, from the same start."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator

from lets.audit.case import Case
from lets.audit.data import TrainingSet
from lets.audit.findings import Check, Finding, damaged
from lets.audit.weights import TOLERANCE
from lets.runs import RunRecord


def check_terms(case: Case) -> Check:
    """The runs of one data set, noise and size had the same labels; those of one seed had the same first loss."""
    records = case.complete()
    failures = [*_labels(case, records), *_first_losses(case)]
    about = "data and labels, and the first loss of a seed, the same for all methods"
    return Check("terms", about, len(records), tuple(failures))


def starts(case: Case) -> dict[Hashable, dict[str, float]]:
    """Return the first loss of runs that must have the same one: those that differ in their method alone.

    A GPU draws other dropout than a CPU.
    """
    found: dict[Hashable, dict[str, float]] = defaultdict(dict)
    for record in case.complete():
        on_cpu, losses = record.provenance.machine.device == "cpu", record.trace()["loss"]
        spec = case.matrix.runs[record.id].model_copy(update={"method": "", "hyperparameters": {}})
        if len(losses):
            found[spec.canonical(), on_cpu][record.id] = float(losses[0])
    return found


def same_start(case: Case, run: str, one: float, other: float) -> bool:
    """Whether two first losses are the same, whatever machine rounded them."""
    of_loss, _ = TOLERANCE[case.matrix.runs[run].training.precision]
    return math.isclose(one, other, rel_tol=of_loss)


def _labels(case: Case, records: list[RunRecord]) -> Iterator[Finding]:
    found: dict[tuple[str, TrainingSet, str], dict[str, str]] = defaultdict(dict)
    for record in records:
        spec = case.matrix.runs[record.id]
        for name, digest in record.provenance.data.items():
            found[spec.dataset, TrainingSet.of(spec), name][record.id] = digest
    for (dataset, trained_on, name), runs in found.items():
        usual = Counter(runs.values()).most_common(1)[0][0]
        for run, digest in runs.items():
            if digest != usual:
                what = name.replace("_", " ")
                yield damaged(
                    case, run, f"was trained on other {what} than most runs of {dataset}/{trained_on}"
                )


def _first_losses(case: Case) -> Iterator[Finding]:
    for runs in starts(case).values():
        usual = Counter(runs.values()).most_common(1)[0][0]
        for run, loss in runs.items():
            if not same_start(case, run, loss, usual):
                reason = f"begins with the loss {loss}, the other methods of its seed with {usual}"
                yield damaged(case, run, reason)
