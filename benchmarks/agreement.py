"""Whether a GPU computes what the CPU does, the same again, and the same when compiled: on a small network."""

from collections.abc import Iterator
from math import inf

import torch
from torch import Tensor

import lets
from lets.train.device import compute_deterministically

from .problem import Mode, Problem, Settings
from .result import Conditions, Findings, Row

HOW = """\
{rounds} steps of every method on the CPU and on this device, from the same weights and batches: losses, radius,
weights, BatchNorm's averages. *float64*, *float32*: the largest difference over the largest number, wanted below
{float64:g} and {float32:g}, and the same steps perturbed. *again*: the same bytes from a second time in float32."""
COMPILED = """\
{rounds} steps in float32 on this device, compiled and eager, compared in the same way: wanted below {float32:g}.
*again*: the same bytes from compiled steps taken a second time."""
FLOAT64, FLOAT32 = 1e-8, 1e-3
CPU = torch.device("cpu")
Trajectory = tuple[Tensor, list[bool]]
"""loss and radius of every step and the final state, as one float64 vector; and which steps were perturbed"""


def measure(given: Conditions) -> Findings:
    """One row a method."""
    methods = lets.methods()[:4] if given.quick else lets.methods()
    return _checked(HOW, (_against_the_cpu(name, given) for name in methods), given)


def compiled(given: Conditions) -> Findings:
    """One row for each way to compile SAM and LETS-SAM; reduce-overhead, which is CUDA graphs, on GPUs alone."""
    modes: tuple[Mode, ...] = ("compile", "reduce-overhead") if given.device == "cuda" else ("compile",)
    methods = ("lets-sam",) if given.quick else ("sam", "lets-sam")
    rows = (_against_eager(name, mode, given) for mode in modes for name in methods)
    return _checked(COMPILED, rows, given)


def _checked(how: str, rows: Iterator[Row], given: Conditions) -> Findings:
    compute_deterministically(given.threads)
    how = how.format(rounds=given.rounds, float64=FLOAT64, float32=FLOAT32)
    found = Findings(how, [], timed=False)
    for row in rows:
        found.rows.append(row)
        if not row["agrees"]:
            found.wrong.append(", ".join(f"{key} {value}" for key, value in row.items() if key != "agrees"))
        given.keep(found)
    return found


def _against_the_cpu(name: str, given: Conditions) -> Row:
    double = [trajectory(name, place, given.rounds, torch.float64) for place in (CPU, given.place)]
    single = [trajectory(name, place, given.rounds) for place in (CPU, given.place, given.place)]
    return _row(name, single, float64=apart(*double))


def _against_eager(name: str, mode: Mode, given: Conditions) -> Row:
    ways: tuple[Mode, ...] = ("eager", mode, mode)
    single = [trajectory(name, given.place, given.rounds, mode=way) for way in ways]
    return _row(f"{name}, {mode}", single)


def _row(title: str, single: list[Trajectory], float64: float = 0.0) -> Row:
    float32, again = apart(*single[:2]), torch.equal(single[1][0], single[2][0])
    agrees = float64 < FLOAT64 and float32 < FLOAT32 and again
    said: Row = {"float64": f"{float64:.1e}", "float32": f"{float32:.1e}", "again": again, "agrees": agrees}
    return {"variant": title, **said}


def apart(expected: Trajectory, got: Trajectory) -> float:
    """The largest difference over the largest number (the count of batches, say); inf if other steps perturbed."""
    if expected[1] != got[1]:
        return inf
    return float((got[0] - expected[0]).abs().max() / expected[0].abs().max())


def trajectory(
    name: str,
    device: torch.device,
    steps: int,
    dtype: torch.dtype = torch.float32,
    mode: Mode = "eager",
) -> Trajectory:
    """Take steps of a method on a device; every second step is one that looksam perturbs."""
    problem = Problem("resnet-small", 16, device, dtype, Settings(mode=mode))
    known = {"k": 2} if "k" in lets.describe(name).hyperparameters else {}
    method, numbers, perturbed = problem.method(name, **known), list[Tensor](), list[bool]()
    pairs = problem.pairs()
    for step in range(steps):
        stats = method.step(problem.loss, *pairs[step % len(pairs)])
        numbers += [stats.loss, stats.rho]
        perturbed.append(bool(stats.perturbed))
    state = [*problem.model.parameters(), *problem.model.buffers()]
    return torch.cat([x.detach().double().cpu().flatten() for x in (*numbers, *state)]), perturbed
