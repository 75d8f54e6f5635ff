"""What LETS costs over SAM: to the letter, with reused gradients, and with a radius that learns more rarely."""

import sys
from collections.abc import Callable
from typing import Any

from .measure import interleave
from .problem import POOL, TITLES, Problem, clock
from .result import Conditions, Findings
from .text import table

HOW = """\
{architecture}, batch {batch}, threads: {threads}; what is timed is {cycle} steps. *literal*: validation
batches of their own, four passes; *next*: a step validates on the batch of the next one, which reuses the
gradient, three passes; *rho_every=10*: the radius learns on every tenth step."""
CYCLE = 10
SAM = "sam"
VARIANTS: dict[str, tuple[str, bool, dict[str, Any]]] = {
    SAM: ("sam", False, {}),
    "lets-sam, literal": ("lets-sam", False, {}),
    "lets-sam, next": ("lets-sam", True, {}),
    "lets-sam, next, rho_every=10": ("lets-sam", True, {"rho_every": 10}),
}


def measure(given: Conditions) -> Findings:
    """One row for each way of LETS, against SAM."""
    device = given.place
    architecture, batch_size = ("tiny", 32) if given.quick else ("resnet8", 128)

    def steps(name: str, reused: bool, settings: dict[str, Any]) -> Callable[[int], None]:
        return _cycle(Problem(architecture, batch_size, device), name, reused, settings)

    variants = {title: steps(*how) for title, how in VARIANTS.items()}
    times = interleave(variants, SAM, given.rounds, clock(device))
    rows = [times.row(title, SAM, steps=CYCLE) for title in VARIANTS if title != SAM]
    print(table(rows), file=sys.stderr, flush=True)
    how = HOW.format(architecture=TITLES[architecture], batch=batch_size, threads=given.threads, cycle=CYCLE)
    return Findings(how, rows, [times.control(steps=CYCLE)])


def _cycle(problem: Problem, name: str, reused: bool, settings: dict[str, Any]) -> Callable[[int], None]:
    method, pairs = problem.method(name, **settings), problem.pairs(reused)

    def steps(turn: int) -> None:
        for i in range(CYCLE):
            method.step(problem.loss, *pairs[(turn * CYCLE + i) % POOL])

    return steps
