"""What eight small trainings on one GPU, each in a process of its own, do in the time of one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from lets.train.device import choose_device, compute_deterministically

from .measure import Action, interleave
from .problem import Problem, Settings, clock
from .result import Conditions, Findings, Row
from .text import table
from .throughput import STEPS as AT_ONCE
from .throughput import training_of

HOW = """\
{runs} processes on one GPU train a network with SAM on 3×32×32 images, batch {batch}, {settings}; what is
timed is {steps} steps of one of them, and {steps} steps of all of them side by side. `images_per_second` is that of
all together, `times`: over that of one. Without NVIDIA's multi-process service (`nvidia-cuda-mps-control -d`)
processes share the GPU by turns."""
RUNS, STEPS, BATCH = 8, 20, 128
SETTINGS = Settings("bfloat16", channels_last=True)
ONE, PACKED = "one", "packed"


def measure(given: Conditions) -> Findings:
    """One row a network: all trainings beside one of them."""
    runs, batch = (2, 16) if given.quick else (RUNS, BATCH)
    found = Findings(HOW.format(runs=runs, batch=batch, settings=SETTINGS, steps=STEPS), [])
    for architecture in ("resnet-small",) if given.quick else ("resnet32", "resnet18"):
        row, control = side_by_side(runs, architecture, batch, given)
        found.rows.append(row)
        found.controls.append(control)
        given.keep(found)
    return found


def side_by_side(runs: int, architecture: str, batch: int, given: Conditions) -> tuple[Row, Row]:
    """All trainings beside the first of them, and that against itself."""
    with trainings(runs, architecture, batch, given) as pipes:
        variants: dict[str, Action] = {ONE: lambda _: train(pipes[:1]), PACKED: lambda _: train(pipes)}
        times = interleave(variants, ONE, given.rounds)
    title: Row = {"variant": architecture}
    row = {**rates(times.row(PACKED, ONE), runs, batch), **title}
    print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
    return row, {**times.control(), **title}


def rates(row: Row, runs: int, batch: int) -> Row:
    """The row with images a second of all together, and how many times that of one it is."""
    rate = runs * STEPS * batch / float(row["seconds"])
    return {**row, "images_per_second": round(rate), "times": round(runs / float(row["ratio"]), 2)}


def train(pipes: list[Connection]) -> None:
    """Let these processes take their steps, and wait for all."""
    for pipe in pipes:
        pipe.send(STEPS)
    for pipe in pipes:
        pipe.recv()


@contextmanager
def trainings(runs: int, architecture: str, batch: int, given: Conditions) -> Iterator[list[Connection]]:
    """Processes that are ready to train, and end with the block."""
    context = get_context("spawn")
    ends = [context.Pipe() for _ in range(runs)]
    arguments = (architecture, batch, given.device, given.threads)
    processes = [context.Process(target=work, args=(there, *arguments), daemon=True) for _, there in ends]
    for process in processes:
        process.start()
    for _, there in ends:
        there.close()  # so that a process that died is noticed
    pipes = [here for here, _ in ends]
    try:
        train(pipes)  # warmed up
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join()


def work(pipe: Connection, architecture: str, batch: int, device: str, threads: int) -> None:
    """One training: as many steps as it is told, until nobody is there to tell."""
    compute_deterministically(threads, SETTINGS.precision)
    problem = Problem(architecture, batch, choose_device(device), settings=SETTINGS)
    steps, done = training_of(problem, "sam"), clock(problem.device)
    while True:
        try:
            wanted = pipe.recv()
        except EOFError:
            return
        for _ in range(wanted // AT_ONCE):
            steps(0)
        done()
        pipe.send(None)
