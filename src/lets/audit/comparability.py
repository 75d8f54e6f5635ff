"""Checks: methods are compared on the same data and noisy labels, from the same initial loss."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator

from lets.audit.context import Context
from lets.audit.datasets import TrainingSet
from lets.audit.findings import Check, Finding, damaged
from lets.audit.retraining import TOLERANCE
from lets.config import RunSpec, seed_for
from lets.config.paths import Layout
from lets.errors import DataError, LetsError


def check_comparability(context: Context) -> Check:
    """Compare the labels of the runs of one data set, noise and size, and the initial losses of those of one seed."""
    failures = [*_labels(context), *_other_losses(context)]
    about = "data and labels, and the first loss of a seed, the same for all methods"
    return Check("comparability", about, len(context.complete), tuple(failures))


def check_initial_losses(context: Context) -> Check:
    """Compute the first loss of sampled runs, and of all that must share it, from their seed alone.

    Initial weights and first batch decide it: nothing is trained.
    """
    sampled = set(context.sampled(context.records))
    groups = [
        runs
        for runs in _initial_losses(context).values()
        if sampled & runs.keys() and _reproducible(context, next(iter(runs)))
    ]
    failures = [finding for runs in groups for finding in _recomputed(context, runs)]
    about = "first losses computed again from seeds and data"
    return Check("initial losses", about, sum(map(len, groups)), tuple(failures))


def _labels(context: Context) -> Iterator[Finding]:
    found = defaultdict[tuple[str, TrainingSet, str], dict[str, str]](dict)
    for record in context.complete:
        spec = context.matrix.runs[record.id]
        for name, digest in record.provenance.data.items():
            found[spec.dataset, TrainingSet.of(spec), name][record.id] = digest
    for (dataset, trained_on, name), runs in found.items():
        usual = Counter(runs.values()).most_common(1)[0][0]
        what = f"other {name.replace('_', ' ')} than most runs of {dataset}/{trained_on}"
        for run, digest in runs.items():
            if digest != usual:
                yield damaged(context, run, f"was trained on {what}")


def _other_losses(context: Context) -> Iterator[Finding]:
    for runs in _initial_losses(context).values():
        usual = Counter(runs.values()).most_common(1)[0][0]
        for run, loss in runs.items():
            if not _same(context, run, loss, usual):
                reason = f"begins with the loss {loss}, the other methods of its seed with {usual}"
                yield damaged(context, run, reason)


def _initial_losses(context: Context) -> dict[Hashable, dict[str, float]]:
    """Return the first loss of runs that must have the same one: those that differ in their method alone.

    A GPU draws other dropout than a CPU.
    """
    found = defaultdict[Hashable, dict[str, float]](dict)
    for record in context.complete:
        on_cpu, losses = record.provenance.machine.device == "cpu", record.trace()["loss"]
        spec = context.matrix.runs[record.id].model_copy(update={"method": "", "hyperparameters": {}})
        if len(losses):
            found[spec.canonical(), on_cpu][record.id] = float(losses[0])
    return found


def _same(context: Context, run: str, one: float, other: float) -> bool:
    """Return whether two first losses are the same, whatever machine rounded them."""
    of_loss, _ = TOLERANCE[context.matrix.runs[run].training.precision]
    return math.isclose(one, other, rel_tol=of_loss)


def _reproducible(context: Context, run: str) -> bool:
    """Several ranks, or another kind of device, draw other batches or dropout than this process would."""
    on_cpu = context.records[run].provenance.machine.device == "cpu"
    return context.matrix.runs[run].training.ranks == 1 and on_cpu == (context.device == "cpu")


def _recomputed(context: Context, runs: dict[str, float]) -> Iterator[Finding]:
    first = next(iter(runs))
    try:
        now = initial_loss(context.matrix.runs[first], context.layout, context.device)
    except DataError:
        return  # named by the check of the data
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        yield damaged(context, first, f"its first loss cannot be computed again: {error}")
        return
    for run, recorded in runs.items():
        if not _same(context, run, recorded, now):
            reason = f"its trace begins with the loss {recorded}, its seed and data give {now}"
            yield damaged(context, run, reason)


def initial_loss(spec: RunSpec, layout: Layout, device: str) -> float:
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
