"""What a step costs beyond its forward and backward passes: `python -m benchmarks.overhead`.

Two measures, taken in one run. *Own work*: the time of a step, less the time inside `loss_fn`, inside
`torch.autograd.grad` and inside the base optimizer. *Ratio*: the time of a step against that of the very same
passes and one base optimizer step, made bare right before or after it. Medians, because machines are shared.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

import lets
from lets.optim import Method

from .problem import Batch, Problem
from .result import FOLDER, Row, report

Call = tuple[int, bool]  # a pass: how many samples, and whether it is differentiated
TEXT = """\
{architecture} on 3×32×32 images, batch {batch_size}, {rounds} steps a method after two of warm-up, medians.
`passes`: forward-backward passes of a step. `own_ms`: what a step does besides its passes and the base optimizer's
step; `own_percent`: the same in percent of the passes (target: below 3). `ratio`: a step against its passes and
one base optimizer step made bare, interleaved with it."""


class Watched:
    """A method whose steps are timed; the loss function stays the same, or LETS could not reuse a gradient."""

    def __init__(self, problem: Problem, method: Method) -> None:
        self._problem, self._method = problem, method
        self._device = problem.device
        self._spent = {"passes": 0.0, "optimizer": 0.0}
        self._loss = self._timed(problem.loss, "passes")
        self.calls: list[Call] = []

    def step(self, batch: Batch, validation: Batch) -> "Step":
        """One step of the method."""
        self._spent, self.calls = dict.fromkeys(self._spent, 0.0), []
        optimizer = self._problem.optimizer
        optimizer_step = self._timed(optimizer.step, "optimizer")
        gradient = self._timed(torch.autograd.grad, "passes")
        with patch.object(optimizer, "step", optimizer_step), patch("torch.autograd.grad", gradient):
            start = now(self._device)
            stats = self._method.step(self._noted_loss, batch, validation)
            seconds = now(self._device) - start
        return Step(stats.perturbed, stats.passes, seconds, self._spent["passes"], self._spent["optimizer"])

    def _noted_loss(self, batch: Batch) -> Tensor:
        self.calls.append((len(batch[1]), torch.is_grad_enabled()))
        losses: Tensor = self._loss(batch)
        return losses

    def _timed(self, function: Callable[..., Any], account: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = now(self._device)
            result = function(*args, **kwargs)
            self._spent[account] += now(self._device) - start
            return result

        return call


def now(device: torch.device) -> float:
    """Seconds, when the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


@dataclass(frozen=True)
class Step:
    """One step: its kind, its seconds, and how many of them were inside the passes and the base optimizer."""

    perturbed: bool
    passes: int
    seconds: float
    inside: float
    optimizer: float

    @property
    def own(self) -> float:
        """Seconds of what the step does besides its passes and the base optimizer's step."""
        return self.seconds - self.inside - self.optimizer


def bare_seconds(problem: Problem, batch: Batch, calls: list[Call]) -> float:
    """Seconds of the bare `calls` and one step of the base optimizer."""
    parameters = list(problem.model.parameters())
    start = now(problem.device)
    for samples, differentiated in calls:
        with torch.set_grad_enabled(differentiated):
            losses = problem.loss((batch[0][:samples], batch[1][:samples]))
        if differentiated:
            for p, g in zip(parameters, torch.autograd.grad(losses.mean(), parameters), strict=True):
                p.grad = g
    problem.optimizer.step()
    return now(problem.device) - start


def measure(
    name: str, problem: Problem, bare: Problem, rounds: int, next_validates: bool
) -> list[tuple[Step, float]]:
    """`rounds` steps, each with the seconds of its bare passes, made before it and after it in turn."""
    method = Watched(problem, problem.method(name))
    found: list[tuple[Step, float]] = []
    pairs = problem.pairs(next_validates)
    for round_ in range(rounds + 2):
        batch, validation = next(pairs)
        expected = method.calls
        seconds = bare_seconds(bare, batch, expected) if round_ % 2 else None
        step = method.step(batch, validation)
        if seconds is None or method.calls != expected:  # a policy may have decided otherwise
            seconds = bare_seconds(bare, batch, method.calls)
        found.append((step, seconds))
    return found[2:]


def row(name: str, timings: list[tuple[Step, float]]) -> Row:
    """The medians over steps of one kind."""
    steps = [step for step, _ in timings]
    return {
        "method": name,
        "perturbed": steps[0].perturbed,
        "passes": steps[0].passes,
        "steps": len(steps),
        "step_ms": round(1e3 * median(s.seconds for s in steps), 1),
        "passes_ms": round(1e3 * median(s.inside for s in steps), 1),
        "base_optimizer_ms": round(1e3 * median(s.optimizer for s in steps), 1),
        "own_ms": round(1e3 * median(s.own for s in steps), 1),
        "own_percent": round(1e2 * median(s.own / s.inside for s in steps), 2),
        "ratio": round(median(s.seconds / bare for s, bare in timings), 3),
    }


def rows(
    names: list[str], device: torch.device, batch_size: int, rounds: int, architecture: str
) -> list[Row]:
    """One row a method and kind of step; LETS-SAM also with reused gradients."""
    found = []
    for name, next_validates in [*((name, False) for name in names), ("lets-sam", True)]:
        problem, twin = (Problem.make(device, batch_size, architecture) for _ in range(2))
        timings = measure(name, problem, twin, rounds, next_validates)
        for perturbed in (True, False):
            of_kind = [(step, bare) for step, bare in timings if step.perturbed == perturbed]
            if of_kind:
                found.append(row(f"{name}, gradients reused" if next_validates else name, of_kind))
                print(found[-1], flush=True)
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options.add_argument("--batch-size", type=int, default=32)
    options.add_argument("--rounds", type=int, default=6)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--architecture", default="resnet18")
    options.add_argument("--methods", nargs="+", default=lets.methods())
    options.add_argument("--folder", type=Path, default=FOLDER)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    table = rows(given.methods, given.device, given.batch_size, given.rounds, given.architecture)
    text = TEXT.format(architecture=given.architecture, batch_size=given.batch_size, rounds=given.rounds)
    report(f"overhead-batch-{given.batch_size}", given.device, text, table, given.folder)


if __name__ == "__main__":
    main()
