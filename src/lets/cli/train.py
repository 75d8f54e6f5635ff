"""`lets train`: one run, in as many processes as it has ranks, from the command line or from a workflow."""

import ctypes
import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from lets.cli import interruption, options
from lets.cli.options import DEMO, Device, ParamsFile, Threads
from lets.own import is_own

if TYPE_CHECKING:
    from lets.config import RunSpec
    from lets.config.paths import Layout
    from lets.runs.history import HistoryRow


def train(
    run: Annotated[
        str, typer.Option(help="run id, or its unambiguous beginning; list them: lets status --runs")
    ],
    params: ParamsFile = DEMO,
    device: Device = "",
    threads: Threads = 1,
    log: Annotated[Path | None, typer.Option(help="write a line per epoch here instead of to stderr")] = None,
) -> None:
    """Train one run, or go on with it where it was interrupted.

    Writes results/<profile>/runs/<id>/. Needs the data set's arrays: lets data prepare NAME.
    A run of several ranks starts that many processes, one per GPU; start them yourself with torchrun.
    Exit code 3: the numbers stopped being finite; the run is recorded as diverged.

    Example: lets train --run digits/clean/wrn-small/lets-sam/seed-0
    """
    from lets.cli.plan import networks_of
    from lets.errors import DivergenceError
    from lets.project import Project
    from lets.runs.cost import progress
    from lets.train.startup import without_garbage_collection

    project = Project.load(params)
    matrix, layout = project.matrix, project.layout
    spec, place = project.find(run), device or project.params.device
    interruption.at(spec.id)
    _try_own(spec)
    if not _is_rank():
        if place == "cuda":
            from lets.cli.gpu_locks import take_gpus

            take_gpus(spec.training.ranks)
        if spec.training.ranks > 1:
            sys.exit(_start_ranks(spec.training.ranks, threads))

    with without_garbage_collection():
        from lets.train import train_run

    before = _ended_before(spec, layout)
    with _lines(log) as lines:

        def show(row: "HistoryRow") -> None:
            interruption.at(f"{spec.id} after epoch {row.epoch} of {spec.training.epochs}")
            print(
                f"epoch {row.epoch}/{spec.training.epochs}  loss {row.loss:.4f}  test {row.test_accuracy:.2f} %"
                f"  radius {row.rho:g}",
                file=lines,
                flush=True,
            )

        try:
            metrics = train_run(spec, layout, place, threads, show)
        except DivergenceError:
            if _speaks():
                print(f"{progress(matrix, layout, networks_of(matrix))}  {spec.id}  diverged", flush=True)
            raise
    result = metrics.status if metrics.test_accuracy is None else f"test {metrics.test_accuracy:.2f} %"
    if _speaks():
        print(f"{progress(matrix, layout, networks_of(matrix))}  {spec.id}  {result}{before}", flush=True)


def _ended_before(spec: "RunSpec", layout: "Layout") -> str:
    """Say that a run has ended already, and how to train it again, losing nothing, where other code made it."""
    from lets.commands import command
    from lets.runs import RunRecord, Status
    from lets.runs.code import code_digest, same_code

    record = RunRecord.at(layout, spec.id)
    if record.status not in (Status.FINISHED, Status.DIVERGED):
        return ""
    if same_code(record.provenance.code, code_digest(spec)):
        return "  (was there: nothing was trained)"
    aside = layout.aside(spec.id).parent
    again = f"{command('mkdir', '-p', aside)} && {command('mv', record.folder, aside)}"
    return f"  (was there: nothing was trained; other code made it, and after  {again}  this one trains it)"


def _try_own(spec: "RunSpec") -> None:
    """Raise SpecError for a network of the user's own that cannot be trained: a sentence now, no traceback later."""
    from lets.config.effort import shape

    if is_own(spec.architecture) and _speaks():
        from lets.models.own import tried

        tried(spec.architecture, *shape(spec.architecture, spec.dataset))


def _is_rank() -> bool:
    """Whether torchrun started this process; it then ends with torchrun, however that ends."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return False
    _end_with_parent()
    return True


def _start_ranks(ranks: int, threads: int) -> int:
    """Run this command line in `ranks` processes on this machine, as `torchrun --standalone` does.

    Returns 0, or the exit code of the process that failed first; raises KeyboardInterrupt when told to stop.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the failed process has spoken
    os.environ["OMP_NUM_THREADS"] = str(threads)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=ranks,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    options.leave()  # they read the same command line
    try:
        elastic_launch(config, sys.executable)("-m", "lets", *sys.argv[1:])
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        return int(first.exitcode)
    except SignalException as error:
        interruption.stop(error.sigval)
    return 0


def _end_with_parent() -> None:
    """Ask the kernel for it: a killed parent could not, and its children would train on unseen (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _speaks() -> bool:
    """Of several processes only the first one says anything."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def _lines(log: Path | None) -> Iterator[TextIO]:
    if log is None:
        yield sys.stderr
        return
    with (log if _speaks() else Path(os.devnull)).open("w") as lines:
        yield lines
