"""What a step costs beside its passes, for every method and for LETS with reused gradients."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

import lets
from lets.optim import Method

from .measure import WARM_UP, interleave
from .problem import POOL, TITLES, Batch, Problem, clock
from .result import Conditions, Findings, Row
from .text import table

HOW = """\
{architecture}, batch {batch}, threads: {threads}, base optimizer SGD with momentum and weight decay, fused.
*passes*: forward and backward of the same network and batch, made bare beside every step: the calls of the
loss function that the step makes, no more and no fewer samples, differentiated or not; no optimizer.
*step*: all of `method.step`, its base optimizer included. `differentiated`: samples that a step
differentiates, in batches; `forward only`: those it only scores. Steps that a policy perturbs are counted
apart from the others; policies are set so that about half of them are (a step's cost does not depend on how
many there are)."""
PASSES, STEP = "its passes", "step"
HALF = {"k": 2, "p": 0.5, "lambda_1": 0.0, "lambda_2": 0.0}
"""what makes every policy perturb about half of the steps"""

Call = tuple[int, bool]
"""one call of the loss function: how many samples, and whether they are differentiated"""


@dataclass(frozen=True)
class Case:
    """A method on a problem; `reused`: a step validates on the batch of the next one, which reuses the gradient."""

    method: str
    reused: bool
    architecture: str
    batch_size: int
    device: torch.device

    def __str__(self) -> str:
        return f"{self.method}, gradients reused" if self.reused else self.method

    def stepper(self) -> "Stepper":
        """Set up anew: equal cases take equal steps."""
        problem = Problem(self.architecture, self.batch_size, self.device)
        known = lets.describe(self.method).hyperparameters
        method = problem.method(self.method, **{name: HALF[name] for name in HALF if name in known})
        return Stepper(problem, method, problem.pairs(self.reused))

    def steps(self, rounds: int) -> int:
        """So many that each kind of step is seen about `rounds` times."""
        return rounds if lets.describe(self.method).policy in ("never", "always") else 2 * rounds


class Stepper:
    """Takes the steps of a method, and remembers of each whether it was perturbed and how many passes it made."""

    def __init__(self, problem: Problem, method: Method, pairs: list[tuple[Batch, Batch]]) -> None:
        self.problem, self.method, self.pairs = problem, method, pairs
        self.taken: list[tuple[bool, int]] = []

    def __call__(self, turn: int) -> None:
        stats = self.method.step(self.problem.loss, *self.pairs[turn % POOL])
        self.taken.append((stats.perturbed, stats.passes))


def rehearse(case: Case, steps: int) -> tuple[list[list[Call]], list[tuple[bool, int]]]:
    """The calls of the loss function that each step makes, and what is remembered of the step."""
    stepper, calls = case.stepper(), list[list[Call]]()
    loss = stepper.problem.loss

    def noted(batch: Batch) -> Tensor:
        calls[-1].append((len(batch[1]), torch.is_grad_enabled()))
        return loss(batch)

    stepper.problem.loss = noted  # type: ignore[method-assign]  # one function, or no gradient would be reused
    for turn in range(steps):
        calls.append([])
        stepper(turn)
    return calls, stepper.taken


def make_bare(problem: Problem, batch: Batch, calls: list[Call]) -> None:
    """The same calls without a method."""
    for samples, differentiated in calls:
        part = batch if samples == problem.batch_size else (batch[0][:samples], batch[1][:samples])
        if differentiated:
            problem.one_pass(part)
        else:
            with torch.no_grad():
                problem.loss(part)


def side_by_side(case: Case, rounds: int) -> Iterator[tuple[Row, Row]]:
    """For each kind of step: its row beside its bare passes, and that of the passes against themselves."""
    steps = case.steps(rounds)
    calls, expected = rehearse(case, steps + WARM_UP)
    stepper, twin = case.stepper(), Problem(case.architecture, case.batch_size, case.device)

    def passes(turn: int) -> None:
        make_bare(twin, stepper.pairs[turn % POOL][0], calls[turn])

    times = interleave({PASSES: passes, STEP: stepper}, PASSES, steps, clock(case.device))
    if stepper.taken != expected:
        raise RuntimeError(f"{case}: the steps went another way than when their passes were counted")
    for perturbed, kind in ((True, "perturbed"), (False, "not perturbed")):
        turns = [turn for turn in range(steps) if expected[WARM_UP + turn][0] is perturbed]
        if turns:
            name: Row = {"variant": f"{case}, {kind}"}
            chosen = times.only(turns)
            spent = costs([calls[WARM_UP + turn] for turn in turns], case.batch_size)
            yield chosen.row(STEP, PASSES, **spent) | name, chosen.control(**spent) | name


def costs(steps: list[list[Call]], batch_size: int) -> dict[str, float]:
    """How many batches a step differentiates on average, and how many it only scores."""

    def batches(wanted: bool) -> float:
        counts = [sum(samples for samples, kind in calls if kind is wanted) for calls in steps]
        return round(fmean(counts) / batch_size, 3)

    return {"differentiated": batches(True), "forward_only": batches(False)}


def measure(architecture: str, batch_size: int, methods: Sequence[str], given: Conditions) -> Findings:
    """One row for each method and kind of step; of all methods, if none is named."""
    device, methods = given.place, methods or lets.methods()
    if given.quick:
        methods, batch_size = methods[:4], 8
    cases = [Case(name, False, architecture, batch_size, device) for name in methods]
    rows, controls = list[Row](), list[Row]()
    for case in [*cases, Case("lets-sam", True, architecture, batch_size, device)]:
        for row, control in side_by_side(case, given.rounds):
            rows.append(row)
            controls.append(control)
            print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
    how = HOW.format(architecture=TITLES[architecture], batch=batch_size, threads=given.threads)
    return Findings(how, rows, controls)
