"""`lets train`: one run, from the command line or from a workflow."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from lets.cli.options import DEMO, Device, ParamsFile, Threads


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
    Exit code 3: the numbers stopped being finite; the run is recorded as diverged.

    Example: lets train --run digits/clean/resnet-small/lets-sam/seed-0
    """
    from lets.errors import DivergenceError
    from lets.records.history import HistoryRow
    from lets.records.progress import progress
    from lets.spec import Layout, expand, load_params

    chosen = load_params(params)
    matrix, layout = expand(chosen), Layout(chosen.profile)
    spec = matrix.find(run)

    from lets.train import train_run

    with log.open("w") if log else nullcontext(sys.stderr) as lines:

        def show(row: HistoryRow) -> None:
            print(
                f"epoch {row.epoch}/{spec.training.epochs}  loss {row.loss:.4f}  test {row.test_accuracy:.2f} %"
                f"  radius {row.rho:g}",
                file=lines,
                flush=True,
            )

        try:
            metrics = train_run(spec, layout, device or chosen.device, threads, show)
        except DivergenceError:
            print(f"{progress(matrix, layout)}  {spec.id}  diverged", flush=True)
            raise
    result = metrics.status if metrics.test_accuracy is None else f"test {metrics.test_accuracy:.2f} %"
    print(f"{progress(matrix, layout)}  {spec.id}  {result}", flush=True)
