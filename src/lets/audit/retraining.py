"""Check: runs trained again, in a folder of their own: `lets audit --deep`."""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from lets.audit.case import Case
from lets.audit.data import prepare
from lets.audit.findings import Check, Finding, damaged
from lets.audit.weights import repeatable
from lets.config.paths import Layout
from lets.errors import DataError, DivergenceError, LetsError, SpecError
from lets.runs import RunRecord
from lets.runs.code import code_digest, same_code

LOSS = 0.02
"""Relative, of the first epoch's mean loss. Rounded otherwise, a training goes its own way, at first slowly."""
ACCURACY = 3.0
"""Points of final test accuracy: two seeds of the demo's networks differ by one or two."""
WITHIN = f"within {LOSS:.0%} of the first epoch's loss and {ACCURACY:g} points of final test accuracy"


def check_retraining(case: Case) -> Check:
    """Train one run again, drawn, or those named: to the same bytes where this machine rounds alike, else nearly."""
    runs = _chosen(case)
    if not runs:
        about = "runs trained again: none is finished that this machine can train"
        return Check("retraining", about, 0)
    findings, ways = list[Finding](), dict[str, list[str]]()
    for run in runs:
        with TemporaryDirectory() as folder:
            found, how = _compared(case, run, Path(folder))
        findings += found
        ways.setdefault(how, []).append(run)
    about = ", ".join(f"{_named(one)} trained again, compared {how}" for how, one in ways.items())
    confirmed = frozenset(runs) - {finding.run for finding in findings}
    failures = tuple(one for one in findings if not one.unchecked)
    unchecked = tuple(one for one in findings if one.unchecked)
    repeated = confirmed.intersection(ways.get("to the byte", ()))
    return Check(
        "retraining", about, len(runs), failures, confirmed=confirmed, repeated=repeated, unchecked=unchecked
    )


def _named(runs: list[str]) -> str:
    return runs[0] if len(runs) == 1 else f"{len(runs)} runs"


def _chosen(case: Case) -> list[str]:
    whole = [record.id for record in case.complete()]
    if case.draw.runs:
        named = list(dict.fromkeys(case.project.find(run).id for run in case.draw.runs))
        for run in named:
            if run not in whole:
                raise SpecError(
                    f"run {run!r} – is not finished, so there is nothing to compare – run  {case.make}"
                )
        return named
    alone = [run for run in whole if case.matrix.runs[run].training.ranks == 1]
    return case.draw.order(case.content, alone)[:1]


def _compared(case: Case, run: str, folder: Path) -> tuple[list[Finding], str]:
    """Train the run below `folder`; return what differs, and how it was compared."""
    from lets.train import train_run
    from lets.train.device import compute_deterministically

    spec, said = case.matrix.runs[run], case.records[run]
    (folder / "data").symlink_to((case.layout.root / "data").absolute())
    layout = Layout(case.layout.profile, folder, keep_weights=False)
    threads = said.provenance.machine.threads or 1
    same = same_code(said.provenance.code, code_digest(spec))
    exact = same and case.device == "cpu" and repeatable(said, spec)
    try:
        with suppress(DivergenceError):  # it is in the record, as of the run itself
            train_run(spec, layout, case.device, threads, lambda row: None)
        reasons = [*_reasons(said, RunRecord.at(layout, run), exact)]
    except DataError as error:
        reason = f"cannot be trained again here: {error}"
        return [Finding(run, reason, (), run, (), prepare(spec.dataset), unchecked=True)], "with nothing"
    except LetsError as error:
        return [_elsewhere(case, said, f"cannot be trained again: {error}")], "with nothing"
    finally:
        compute_deterministically(threads)
    if exact:
        return [damaged(case, run, reason) for reason in reasons], "to the byte"
    return [_elsewhere(case, said, reason) for reason in reasons], WITHIN


def _reasons(said: RunRecord, now: RunRecord, exact: bool) -> Iterator[str]:
    if (end := _end(said)) != _end(now):
        yield f"says that it {end}, but trained again it {_end(now)}"
    else:
        yield from (_bytes if exact else _numbers)(said, now)


def _end(record: RunRecord) -> str:
    said = record.metrics.divergence
    return f"diverged at step {said.step}" if said else "finished"


def _elsewhere(case: Case, said: RunRecord, reason: str) -> Finding:
    """What only the machine that made the run can decide: nothing is to be deleted before."""
    machine = said.provenance.machine
    where = (
        machine.processor
        or f"{machine.cpu or machine.device or 'unknown'} (its exact model was not recorded)"
    )
    reason = f"{reason}; keep it until a repeat where it was made, on {where}, differs too"
    return Finding(
        said.id, reason, case.cells_of(said.id), said.id, (), f"{case.again} --deep --run {said.id}"
    )


def _bytes(said: RunRecord, now: RunRecord) -> Iterator[str]:
    """By the digests of both, which are those of the files: the check of the bytes has held them against each other."""
    for name, digest in now.provenance.files.items():
        if digest != said.provenance.files.get(name):
            yield f"trained again on a machine that rounds alike, its {name} is another"


def _numbers(said: RunRecord, now: RunRecord) -> Iterator[str]:
    """Code, packages, image or machine are not those of the run: bytes may differ, the course may not."""
    if not said.history or not now.history:
        return  # both diverged in their first epoch, at the same step
    losses = said.history[0].loss, now.history[0].loss
    if not math.isclose(*losses, rel_tol=LOSS):
        yield f"says a mean loss of {losses[0]} in its first epoch, trained again it is {losses[1]}"
    accuracies = said.history[-1].test_accuracy, now.history[-1].test_accuracy
    if not abs(accuracies[0] - accuracies[1]) <= ACCURACY:
        yield f"says a test accuracy of {accuracies[0]}, trained again it reaches {accuracies[1]}"
