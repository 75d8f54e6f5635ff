"""All that a GPU is needed for, in one go: `python -m benchmarks.gpu.run`.

1. Correctness: every method trains a small network in float64 on the CPU and on the GPU, from the same weights
   and batches; losses, radius and weights must agree.
2. Synchronisation: no step waits for the GPU (benchmarks/synchronisation.py).
3. Throughput: images a second of every method, architecture and precision, and how much of the GPU's measured
   matrix rate that is (benchmarks/throughput.py).

Exit code 0 if 1 and 2 hold. `--device cpu --tiny` runs the same code in a minute, to test this script: it then
compares the CPU with itself and skips 2.
"""

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor

import lets

from .. import synchronisation, throughput
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
    tables["throughput"] = throughput.rows(device, *((throughput.TINY, 16, 10) if given.tiny else ()))
    for name, table in tables.items():
        report(name, device, TEXTS[name], table, given.folder)
    holds = [row.get("agrees", row.get("as_expected", True)) for table in tables.values() for row in table]
    sys.exit(not all(holds))


TEXTS = {
    "correctness": f"{STEPS} steps in float64 on the CPU and here: losses, radius, weights, BatchNorm's averages. "
    f"`difference`: the largest, relative to the largest number; `agrees`: below {TOLERANCE:g}, and the same "
    "steps perturbed.",
    "synchronisation": synchronisation.TEXT,
    "throughput": throughput.TEXT,
}

if __name__ == "__main__":
    main()
