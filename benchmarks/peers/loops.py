"""One training step of every optimizer that is compared, as its documentation says to take it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import lets
from lets.errors import SpecError

from ..problem import SGD, Batch, Problem
from .sam import SAM, hold_averages, release_averages

FOLDER = Path("work/peers")
RHO = 0.05
Step = Callable[[Batch], object]


def ours(name: str, **given: Any) -> Callable[[Problem], Step]:
    """A method of lets in the optimizer's place: `step` with the usual closure."""

    def made(problem: Problem) -> Step:
        optimizer = lets.optimizer(name, problem.model, problem.optimizer, **given)
        return lambda batch: optimizer.step(closure_of(problem, optimizer, batch))

    return made


def closure_of(problem: Problem, optimizer: torch.optim.Optimizer, batch: Batch) -> Callable[[], Tensor]:
    """What ours and those of pytorch_optimizer are stepped with."""

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(problem.model(batch[0]), batch[1])
        loss.backward()
        return loss

    return closure


def plain_loop(problem: Problem) -> Step:
    """No method at all: one pass and the optimizer, as in any training loop."""

    def step(batch: Batch) -> None:
        problem.one_pass(batch)
        problem.optimizer.step()

    return step


def two_step_sam(problem: Problem) -> Step:
    """`davda54/sam`, with what its example does about BatchNorm."""
    model, optimizer = problem.model, SAM(problem.model.parameters(), torch.optim.SGD, rho=RHO, **SGD)

    def step(batch: Batch) -> None:
        release_averages(model)
        problem.loss(batch).mean().backward()
        optimizer.first_step(zero_grad=True)
        hold_averages(model)
        problem.loss(batch).mean().backward()
        optimizer.second_step(zero_grad=True)

    return step


def their_gsam(problem: Problem) -> Step:
    """GSAM of pytorch_optimizer: it makes both passes itself; the learning rate is constant, so the radius is."""
    from pytorch_optimizer import GSAM, ProportionScheduler

    base = torch.optim.SGD(problem.model.parameters(), **SGD)
    constant = torch.optim.lr_scheduler.LambdaLR(base, lambda _: 1.0)
    radius = ProportionScheduler(constant, max_lr=SGD["lr"], min_lr=0.0, max_value=RHO, min_value=RHO / 2)
    optimizer = GSAM(problem.model.parameters(), base, problem.model, radius)

    def step(batch: Batch) -> None:
        optimizer.set_closure(F.cross_entropy, *batch)
        optimizer.step()
        optimizer.update_rho_t()

    return step


def their_sam(problem: Problem) -> Step:
    """SAM of pytorch_optimizer: the caller makes the first pass."""
    from pytorch_optimizer import SAM

    return _stepped(problem, SAM(problem.model.parameters(), torch.optim.SGD, rho=RHO, **SGD))


def their_looksam(problem: Problem) -> Step:
    """LookSAM of pytorch_optimizer: its closure makes a second pass on every step, needed or not."""
    from pytorch_optimizer import LookSAM

    return _stepped(problem, LookSAM(problem.model.parameters(), torch.optim.SGD, rho=RHO, k=5, **SGD))


def _stepped(problem: Problem, optimizer: Any) -> Step:
    def step(batch: Batch) -> None:
        closure = closure_of(problem, optimizer, batch)
        closure()
        optimizer.step(closure)

    return step


def find_peers() -> None:
    """Make pytorch_optimizer importable; SpecError if it is not there."""
    if not (FOLDER / "pytorch_optimizer").is_dir():
        raise SpecError(f"peers – pytorch_optimizer is not in {FOLDER} – put it there:  make peers")
    sys.path.append(str(FOLDER.absolute()))
