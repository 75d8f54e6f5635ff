"""`lets train`: one run, from the command line or from a workflow."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from lets.cli.options import DEMO, Device, ParamsFile, Threads

if TYPE_CHECKING:
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
    from lets.cli import interruption, torchrun
    from lets.errors import DivergenceError
    from lets.project import Project
    from lets.runs.cost import progress
    from lets.train.startup import without_garbage_collection

    project = Project.load(params)
    matrix, layout = project.matrix, project.layout
    spec, place = project.find(run), device or project.params.device
    interruption.at(spec.id)
    if not torchrun.here():
        if place == "cuda":
            from lets.cli.gpu_locks import take_gpus

            take_gpus(spec.training.ranks)
        if spec.training.ranks > 1:
            sys.exit(torchrun.start(spec.training.ranks, threads))

    with without_garbage_collection():
        from lets.train import train_run

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
                print(f"{progress(matrix, layout)}  {spec.id}  diverged", flush=True)
            raise
    result = metrics.status if metrics.test_accuracy is None else f"test {metrics.test_accuracy:.2f} %"
    if _speaks():
        print(f"{progress(matrix, layout)}  {spec.id}  {result}", flush=True)


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
