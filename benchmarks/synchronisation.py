"""Whether a step makes the host wait for the GPU.

Every method takes steps under `torch.cuda.set_sync_debug_mode("error")`, in which whatever waits for the device
raises. The policies of ae-* decide on the host whether to perturb: they are the exception, and are shown to
raise. What the mode does not count is the event that `lets.optim.undo` waits for: it belongs to the step before
the one that has just been queued, so the GPU never runs dry. Without a GPU: tests/unit/optim/
test_no_synchronization.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

import lets
from lets.errors import SpecError

from .problem import Problem
from .result import Conditions, Findings, Row

HOW = """\
{rounds} steps a method under `torch.cuda.set_sync_debug_mode("error")`. The adaptive policies (ae-*) must
wait, by design; all others must not."""


def measure(given: Conditions) -> Findings:
    """One row a method."""
    if given.device == "cpu":
        raise SpecError(
            "--device cpu – there is nothing to wait for – run  pytest tests/unit/optim/test_no_synchronization.py"
        )
    rows = [_row(name, given) for name in lets.methods()]
    wrong = [f"{row['variant']}: {row['reason'] or 'never waits'}" for row in rows if not row["as_expected"]]
    return Findings(HOW.format(rounds=given.rounds), rows, wrong=wrong, timed=False)


def _row(name: str, given: Conditions) -> Row:
    reason = why_it_waits(name, given.place, given.rounds)
    expected = bool(reason) == (lets.describe(name).policy == "adaptive")
    return {"variant": name, "waits": bool(reason), "as_expected": expected, "reason": reason}


def why_it_waits(name: str, device: torch.device, steps: int) -> str:
    """What made the host wait in a step of the method; "" if nothing did."""
    problem = Problem("resnet18", 32, device)
    method, pairs = problem.method(name), problem.pairs(next_validates=True)
    for pair in pairs[:2]:  # the first steps allocate, and choose kernels
        method.step(problem.loss, *pair)
    try:
        with waiting_forbidden():
            for pair in pairs[2 : steps + 2]:
                method.step(problem.loss, *pair)
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return ""


@contextmanager
def waiting_forbidden() -> Iterator[None]:
    """Whatever makes the host wait for the GPU raises."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")
