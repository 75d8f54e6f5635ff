"""Check: the first loss of every seed computed again, which needs its initial weights and its first batch alone."""

from collections.abc import Iterator

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged
from lets.audit.terms import same_start, starts
from lets.config import RunSpec, seed_for
from lets.config.paths import Layout
from lets.errors import DataError, LetsError


def check_starts(case: Case) -> Check:
    """The runs that are drawn, and all that must have the same first loss, began from their own seed."""
    drawn = set(case.drawn(case.records))
    groups = [runs for runs in starts(case).values() if drawn & runs.keys() and _here(case, next(iter(runs)))]
    failures = [finding for runs in groups for finding in _group(case, runs)]
    about = "first losses computed again from seeds and data"
    return Check("starts", about, sum(map(len, groups)), tuple(failures))


def _here(case: Case, run: str) -> bool:
    """Whether this process draws what the run drew: several ranks, or another kind of device, draw otherwise."""
    on_cpu = case.records[run].provenance.machine.device == "cpu"
    return case.matrix.runs[run].training.ranks == 1 and on_cpu == (case.device == "cpu")


def _group(case: Case, runs: dict[str, float]) -> Iterator[Finding]:
    first = next(iter(runs))
    try:
        now = first_loss(case.matrix.runs[first], case.layout, case.device)
    except DataError:
        return  # named by the check of the data
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        yield damaged(case, first, f"its first loss cannot be computed again: {error}")
        return
    for run, said in runs.items():
        if not same_start(case, run, said, now):
            yield damaged(case, run, f"its trace begins with the loss {said}, its seed and data give {now}")


def first_loss(spec: RunSpec, layout: Layout, device: str) -> float:
    """Return the mean loss of the first batch under the initial weights."""
    import torch

    from lets.train.device import compute_deterministically
    from lets.train.loop import Training
    from lets.train.run_data import RunData

    compute_deterministically(torch.get_num_threads(), spec.training.precision)
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"compile": False})})
    data = RunData.read(spec, layout, torch.device(device))
    training = Training(spec, data, torch.device(device))
    torch.manual_seed(seed_for("dropout", spec.seeds()["dropout"], 0, 0, 0))
    training.model.train()
    batch, _ = next(iter(data.pairs(0, spec.training.val_batches, 0, 1)))
    with torch.no_grad():
        return float(training.loss(batch).mean())
