"""Proof that a step never makes the host wait for the GPU: `python -m benchmarks.synchronisation`.

Every method takes steps under `torch.cuda.set_sync_debug_mode("error")`, in which whatever waits for the device
raises. The policies of ae-* decide on the host whether to perturb: they are the exception, and are shown to
raise. What the mode does not count is the event that `lets.optim.guard` waits for: it belongs to the step before
the one that has just been queued, so the GPU never runs dry. Without a GPU: tests/unit/optim/
test_no_synchronization.py.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

import lets

from .problem import Problem
from .result import FOLDER, Row, report

STEPS = 6
TEXT = f"""\
{STEPS} steps a method under `torch.cuda.set_sync_debug_mode("error")`. The adaptive policies (ae-*) must wait, by
design; all others must not. `as_expected` says whether that is so."""


@contextmanager
def waiting_forbidden() -> Iterator[None]:
    """Whatever makes the host wait for the GPU raises."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def why_it_waits(name: str, device: torch.device, batch_size: int, architecture: str) -> str:
    """What made the host wait in a step of the method; "" if nothing did."""
    problem = Problem.make(device, batch_size, architecture)
    method, pairs = problem.method(name), problem.pairs(next_validates=True)
    batches = [next(pairs) for _ in range(STEPS + 2)]
    for pair in batches[:2]:  # the first steps allocate, and choose kernels
        method.step(problem.loss, *pair)
    try:
        with waiting_forbidden():
            for pair in batches[2:]:
                method.step(problem.loss, *pair)
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return ""


def rows(device: torch.device, batch_size: int = 32, architecture: str = "resnet18") -> list[Row]:
    """One row a method."""
    found = list[Row]()
    for name in lets.methods():
        reason = why_it_waits(name, device, batch_size, architecture)
        expected = bool(reason) == (lets.describe(name).policy == "adaptive")
        found.append({"method": name, "waits": bool(reason), "as_expected": expected, "reason": reason})
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--folder", type=Path, default=FOLDER)
    given = options.parse_args()
    if not torch.cuda.is_available():
        sys.exit(
            "error: no GPU on this machine – nothing to prove – run  pytest tests/unit/optim/test_no_synchronization.py"
        )
    table = rows(torch.device("cuda"))
    report("synchronisation", torch.device("cuda"), TEXT, table, given.folder)
    sys.exit(not all(row["as_expected"] for row in table))


if __name__ == "__main__":
    main()
