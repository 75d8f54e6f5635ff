"""What a step costs that a CUDA graph launches as one thing, over the same step launched kernel by kernel."""

import sys
from collections.abc import Callable
from itertools import cycle, islice, product

import torch

from lets.errors import SpecError
from lets.optim import Stats
from lets.optim.captured import WARM_UP
from lets.train.device import compute_deterministically

from .measure import interleave
from .problem import SGD, Batch, Problem, Settings, clock
from .result import Conditions, Findings, Row
from .text import table

HOW = """\
Training steps on 3×32×32 images, batch {batch}; what is timed is {steps} steps. *eager*: `method.step`;
*captured*: `method.captured(loss_fn).step`, recorded before the first timed round, its learning rate a tensor on the
device. LETS validates on the batch of the next step, so it makes three passes; the last row sets it beside
three steps of ERM, all captured."""
STEPS = 5
EAGER, CAPTURED, THREE = "eager", "captured", "3 × erm"
Training = Callable[[int], int]
"""takes `STEPS` steps; returns the number of their passes"""
Variant = tuple[str, str, Settings]
"""architecture, method, settings"""
VARIANTS: tuple[Variant, ...] = tuple(
    product(
        ("resnet32", "resnet18"),
        ("erm", "sam", "lets-sam"),
        (Settings("float32"), Settings("bfloat16", channels_last=True)),
    )
)
QUICK: tuple[Variant, ...] = (("resnet-small", "lets-sam", Settings()),)


def measure(given: Conditions) -> Findings:
    """One row a variant: captured over eager."""
    if given.place.type != "cuda":
        raise SpecError(
            "--device cpu – there are no CUDA graphs – run  pytest tests/unit/optim/test_captured.py"
        )
    batch_size, rows, controls = 16 if given.quick else 128, list[Row](), list[Row]()
    for architecture, method, settings in QUICK if given.quick else VARIANTS:
        compute_deterministically(given.threads, settings.precision)
        problems = [Problem(architecture, batch_size, given.place, settings=settings) for _ in range(2)]
        variants = {EAGER: eager(problems[0], method), CAPTURED: captured(problems[1], method)}
        times = interleave(variants, EAGER, given.rounds, clock(given.place))
        title = {"variant": f"{architecture}, {method}, {settings}"}
        rows.append({**times.row(CAPTURED, EAGER), **title})
        controls.append({**times.control(), **title})
        print(table(rows).splitlines()[-1], file=sys.stderr, flush=True)
    row, control = over_three_passes(QUICK[0][0] if given.quick else "resnet18", batch_size, given)
    how = HOW.format(batch=batch_size, steps=STEPS)
    return Findings(how, [*rows, row], [*controls, control])


def over_three_passes(architecture: str, batch_size: int, given: Conditions) -> tuple[Row, Row]:
    """LETS beside what its three passes would cost as steps of ERM."""
    fast = Settings("bfloat16", channels_last=True)
    erm, learned = (
        captured(Problem(architecture, batch_size, given.place, settings=fast), name)
        for name in ("erm", "lets-sam")
    )

    def three_times(turn: int) -> None:
        for _ in range(3):
            erm(turn)

    times = interleave({THREE: three_times, "lets-sam": learned}, THREE, given.rounds, clock(given.place))
    title: Row = {"variant": f"lets-sam over {THREE}"}
    return {**times.row("lets-sam"), **title}, {**times.control(), **title}


def eager(problem: Problem, name: str) -> Training:
    """The steps of a method one by one."""
    method = problem.method(name)
    return _in_a_circle(problem, lambda *pair: method.step(problem.loss, *pair))


def captured(problem: Problem, name: str) -> Training:
    """The same steps from graphs, all of which are recorded already."""
    rate = torch.tensor(SGD["lr"], device=problem.device)
    problem.optimizer = torch.optim.SGD(problem.model.parameters(), **{**SGD, "lr": rate})
    steps = _in_a_circle(problem, problem.method(name).captured(problem.loss).step)
    # The first steps make state, and gradients to be reused.
    for turn in range(-(-2 * WARM_UP // STEPS) + 1):
        steps(turn)
    return steps


def _in_a_circle(problem: Problem, step: Callable[[Batch, Batch], Stats]) -> Training:
    # Counted here: the reference runs twice a round, and its batches must follow on.
    following = cycle(problem.pairs(next_validates=True))
    return lambda _: sum(step(*pair).passes for pair in islice(following, STEPS))


WAYS = {EAGER: eager, CAPTURED: captured}
