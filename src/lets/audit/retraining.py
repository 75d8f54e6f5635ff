"""Checks: sampled runs evaluated again from their weights, and with `--deep` trained again in a folder of their own."""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from lets.audit.context import Context
from lets.audit.datasets import prepare
from lets.audit.findings import Check, Finding, damaged
from lets.config import RunSpec
from lets.config.paths import Layout
from lets.config.training import Precision
from lets.errors import DataError, DivergenceError, LetsError, SpecError
from lets.runs import RunRecord, Status
from lets.runs.code import code_digest, same_code

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
LOSS = 0.02
"""Relative, of the first epoch's mean loss. Rounded otherwise, a training goes its own way, at first slowly."""
ACCURACY = 3.0
"""Points of final test accuracy: two seeds of the demo's networks differ by one or two."""
WITHIN = f"within {LOSS:.0%} of the first epoch's loss and {ACCURACY:g} points of final test accuracy"


def check_weights(context: Context) -> Check:
    """Evaluate sampled finished runs from their weights, and compare with metrics.json."""
    keeps_weights = context.layout.keep_weights
    finished = [run for run, state in context.states.items() if state is Status.FINISHED]
    sampled = context.sampled(finished) if keeps_weights else []
    failures, confirmed = list[Finding](), set[str]()
    for run in sampled:
        try:
            reason = _other_numbers(context, context.records[run])
        except DataError:
            continue  # named by the check of the data
        if reason:
            failures.append(damaged(context, run, reason))
        else:
            confirmed.add(run)
    about = "runs evaluated again from weights and data"
    about += "" if keeps_weights else ": none has kept its weights (--deep trains one again)"
    return Check("weights", about, len(sampled), tuple(failures), confirmed=frozenset(confirmed))


def _other_numbers(context: Context, record: RunRecord) -> str:
    """Return why the weights of a run cannot have given its numbers; nothing if they do."""
    spec, metrics = context.matrix.runs[record.id], record.metrics.model_dump()
    exact = repeatable(record, spec) and context.device == "cpu"
    try:
        now = evaluated(spec, context.layout, context.device)
    except DataError:
        raise
    except (LetsError, RuntimeError, OSError, ValueError) as error:
        return f"its weights cannot be evaluated: {error}"
    recorded = {**metrics, **(metrics["scores"] or {})}
    wrong = [
        f"{name} {value}, metrics.json says {recorded.get(name)}"
        for name, value in now.items()
        if not _agree(name, value, recorded.get(name), exact, spec.training.precision)
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


def _agree(name: str, now: float, recorded: float | None, exact: bool, precision: Precision) -> bool:
    if recorded is None or exact:
        return now == recorded
    of_loss, of_accuracy = TOLERANCE[precision]
    if name.endswith("_loss"):
        return math.isclose(now, recorded, rel_tol=of_loss)
    return abs(now - recorded) <= of_accuracy * (1 if name.endswith("_accuracy") else SCORES)


def repeatable(record: RunRecord, spec: RunSpec) -> bool:
    """Return whether a CPU can repeat the run's sums bit for bit here; if so, it computes with as many threads.

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


def check_retraining(context: Context) -> Check:
    """Train a sampled run again, or those named: to the same bytes where this machine rounds alike, else nearly."""
    runs = _chosen(context)
    if not runs:
        about = "runs trained again: none is finished that this machine can train"
        return Check("retraining", about, 0)
    findings, compared = list[Finding](), dict[str, list[str]]()
    for run in runs:
        with TemporaryDirectory() as folder:
            found, how = _trained_again(context, run, Path(folder))
        findings += found
        compared.setdefault(how, []).append(run)
    about = ", ".join(f"{_named(one)} trained again, compared {how}" for how, one in compared.items())
    confirmed = frozenset(runs) - {finding.run for finding in findings}
    return Check(
        "retraining",
        about,
        len(runs),
        tuple(one for one in findings if not one.unchecked),
        confirmed=confirmed,
        repeated=confirmed.intersection(compared.get("to the byte", ())),
        unchecked=tuple(one for one in findings if one.unchecked),
    )


def _named(runs: list[str]) -> str:
    return runs[0] if len(runs) == 1 else f"{len(runs)} runs"


def _chosen(context: Context) -> list[str]:
    whole = [record.id for record in context.complete]
    if context.sample.runs:
        named = list(dict.fromkeys(context.project.find(run).id for run in context.sample.runs))
        for run in named:
            if run not in whole:
                remedy = f"is not finished, so there is nothing to compare – run  {context.make}"
                raise SpecError(f"run {run!r} – {remedy}")
        return named
    alone = [run for run in whole if context.matrix.runs[run].training.ranks == 1]
    return context.sample.order(context.content, alone)[:1]


def _trained_again(context: Context, run: str, folder: Path) -> tuple[list[Finding], str]:
    """Train the run below `folder`; return what differs, and how it was compared."""
    from lets.train import train_run
    from lets.train.device import compute_deterministically

    spec, recorded = context.matrix.runs[run], context.records[run]
    (folder / "data").symlink_to((context.layout.root / "data").absolute())
    layout = Layout(context.layout.profile, folder, keep_weights=False)
    threads = recorded.provenance.machine.threads or 1
    same = same_code(recorded.provenance.code, code_digest(spec))
    exact = same and context.device == "cpu" and repeatable(recorded, spec)
    try:
        with suppress(DivergenceError):  # it is in the record, as of the run itself
            train_run(spec, layout, context.device, threads, lambda row: None)
        reasons = [*_reasons(recorded, RunRecord.at(layout, run), exact)]
    except DataError as error:
        reason = f"cannot be trained again here: {error}"
        return [Finding(run, reason, (), run, (), prepare(spec.dataset), unchecked=True)], "with nothing"
    except LetsError as error:
        return [_elsewhere(context, recorded, f"cannot be trained again: {error}")], "with nothing"
    finally:
        compute_deterministically(threads)
    if exact:
        return [damaged(context, run, reason) for reason in reasons], "to the byte"
    return [_elsewhere(context, recorded, reason) for reason in reasons], WITHIN


def _elsewhere(context: Context, recorded: RunRecord, reason: str) -> Finding:
    """What only the machine that made the run can decide: nothing is to be deleted before."""
    machine, run = recorded.provenance.machine, recorded.id
    name = machine.cpu or machine.device or "unknown"
    where = machine.processor or f"{name} (its exact model was not recorded)"
    reason = f"{reason}; keep it until a repeat where it was made, on {where}, differs too"
    return Finding(
        run, reason, context.cells_of(run), run, (), context.project.command("audit", "--deep", "--run", run)
    )


def _reasons(recorded: RunRecord, now: RunRecord, exact: bool) -> Iterator[str]:
    if (end := _end(recorded)) != _end(now):
        yield f"says that it {end}, but trained again it {_end(now)}"
    else:
        yield from (_other_bytes if exact else _other_course)(recorded, now)


def _end(record: RunRecord) -> str:
    divergence = record.metrics.divergence
    return f"diverged at step {divergence.step}" if divergence else "finished"


def _other_bytes(recorded: RunRecord, now: RunRecord) -> Iterator[str]:
    """By the digests of both, which are those of the files: the check of the bytes has held them against each other."""
    for name, digest in now.provenance.files.items():
        if digest != recorded.provenance.files.get(name):
            yield f"trained again on a machine that rounds alike, its {name} is another"


def _other_course(recorded: RunRecord, now: RunRecord) -> Iterator[str]:
    """Code, packages, image or machine are not those of the run: bytes may differ, the course may not."""
    if not recorded.history or not now.history:
        return  # both diverged in their first epoch, at the same step
    losses = recorded.history[0].loss, now.history[0].loss
    if not math.isclose(*losses, rel_tol=LOSS):
        yield f"says a mean loss of {losses[0]} in its first epoch, trained again it is {losses[1]}"
    accuracies = recorded.history[-1].test_accuracy, now.history[-1].test_accuracy
    if not abs(accuracies[0] - accuracies[1]) <= ACCURACY:
        yield f"says a test accuracy of {accuracies[0]}, trained again it reaches {accuracies[1]}"
