"""All that a GPU is needed for, in one go: `python -m benchmarks.gpu.run`.

1. Correctness: every method trains a small network in float64 on the CPU and on the GPU, from the same weights
   and batches; losses, radius and weights must agree.
2. Synchronisation: no step waits for the GPU (benchmarks/synchronisation.py).
3. Throughput: samples a second of every method on ResNet-18.

Exit code 0 if 1 and 2 hold. `--device cpu --tiny` runs the same code in a minute, to test this script: it then
compares the CPU with itself and skips 2.
"""

import argparse
import sys
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

import lets

from .. import synchronisation
from ..overhead import now
from ..problem import Problem
from ..result import FOLDER, Row, report

STEPS, TOLERANCE = 12, 1e-8
CPU = torch.device("cpu")


def trajectory(name: str, device: torch.device) -> tuple[Tensor, list[bool]]:
    """Loss and radius of every step and the final weights, in float64 and as one vector; where it perturbed."""
    problem = Problem.make(device, 16, "resnet-small", torch.float64)
    method, pairs = problem.method(name), problem.pairs()
    numbers, perturbed = list[Tensor](), []
    for _ in range(STEPS):
        stats = method.step(problem.loss, *next(pairs))
        numbers += [stats.loss, stats.rho]
        perturbed.append(stats.perturbed)
    state = [*problem.model.parameters(), *problem.model.buffers()]
    return torch.cat([x.detach().double().cpu().flatten() for x in (*numbers, *state)]), perturbed


def correctness(device: torch.device) -> list[Row]:
    """One row a method: the largest difference, relative to the largest number."""
    found = list[Row]()
    for name in lets.methods():
        (expected, kinds), (got, kinds_there) = trajectory(name, CPU), trajectory(name, device)
        difference = float((got - expected).abs().max() / expected.abs().max())
        agrees = difference < TOLERANCE and kinds == kinds_there
        found.append({"method": name, "steps": STEPS, "difference": f"{difference:.1e}", "agrees": agrees})
    return found


def throughput(device: torch.device, batch_size: int, steps: int, architecture: str) -> list[Row]:
    """One row a method; every fifth step is timed together, so that a GPU can work ahead within it."""
    return [_speed(name, Problem.make(device, batch_size, architecture), steps) for name in lets.methods()]


def _speed(name: str, problem: Problem, steps: int) -> Row:
    method, pairs = problem.method(name), problem.pairs(next_validates=True)
    batches = [next(pairs) for _ in range(5)]
    seconds, passes = list[float](), 0
    for turn in range(steps // 5 + 2):
        start = now(problem.device)
        spent = sum(method.step(problem.loss, *pair).passes for pair in batches)
        if turn >= 2:
            seconds.append((now(problem.device) - start) / len(batches))
            passes += spent
    steps_counted = len(seconds) * len(batches)
    return {
        "method": name,
        "passes_per_step": round(passes / steps_counted, 2),
        "step_ms": round(1e3 * median(seconds), 2),
        "samples_per_second": round(problem.batch_size / median(seconds)),
        "ms_per_pass": round(1e3 * median(seconds) * steps_counted / passes, 2),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    options.add_argument("--tiny", action="store_true", help="a small network and few steps")
    options.add_argument("--folder", type=Path, default=FOLDER)
    given = options.parse_args()
    device: torch.device = given.device
    torch.set_num_threads(1)  # the CPU has little to do, and one thread sums in one order
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("error: no GPU on this machine – to test this script, run it with  --device cpu --tiny")
    tables = {"correctness": correctness(device)}
    if device.type == "cuda":
        tables["synchronisation"] = synchronisation.rows(device)
    size = (16, 10, "resnet-small") if given.tiny else (128, 50, "resnet18")
    tables["throughput"] = throughput(device, *size)
    for name, table in tables.items():
        report(name, device, TEXTS[name], table, given.folder)
    holds = [row.get("agrees", row.get("as_expected", True)) for table in tables.values() for row in table]
    sys.exit(not all(holds))


TEXTS = {
    "correctness": f"{STEPS} steps in float64 on the CPU and here: losses, radius, weights, BatchNorm's averages. "
    f"`difference`: the largest, relative to the largest number; `agrees`: below {TOLERANCE:g}, and the same "
    "steps perturbed.",
    "synchronisation": synchronisation.TEXT,
    "throughput": "Five steps are timed together, medians. LETS validates on the batch of the next step "
    "(3 passes instead of 4).",
}

if __name__ == "__main__":
    main()
