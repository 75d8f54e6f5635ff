"""Whether a GPU computes what the CPU does: every method trains a small network on both."""

import torch
from torch import Tensor

import lets

from .problem import Problem
from .result import Conditions, Findings, Row

HOW = """\
{rounds} steps in float64 on the CPU and on this device, from the same weights and batches: losses, radius,
weights, BatchNorm's averages. *difference*: the largest, relative to the largest number. *agrees*: below
{tolerance:g}, and the same steps perturbed."""
TOLERANCE = 1e-8


def measure(given: Conditions) -> Findings:
    """One row a method."""
    methods = lets.methods()[:4] if given.quick else lets.methods()
    rows = [_row(name, given.place, given.rounds) for name in methods]
    wrong = [f"{row['variant']} differs by {row['difference']}" for row in rows if not row["agrees"]]
    return Findings(HOW.format(rounds=given.rounds, tolerance=TOLERANCE), rows, wrong=wrong, timed=False)


def _row(name: str, device: torch.device, steps: int) -> Row:
    expected, kinds = trajectory(name, torch.device("cpu"), steps)
    got, kinds_there = trajectory(name, device, steps)
    difference = float((got - expected).abs().max() / expected.abs().max())
    agrees = difference < TOLERANCE and kinds == kinds_there
    return {"variant": name, "difference": f"{difference:.1e}", "agrees": agrees}


def trajectory(name: str, device: torch.device, steps: int) -> tuple[Tensor, list[bool]]:
    """Loss and radius of every step and the final weights, as one vector; and where it perturbed."""
    problem = Problem("resnet-small", 16, device, torch.float64)
    known = {"k": 2} if "k" in lets.describe(name).hyperparameters else {}
    method, numbers, perturbed = problem.method(name, **known), list[Tensor](), list[bool]()
    for pair in problem.pairs()[:steps]:
        stats = method.step(problem.loss, *pair)
        numbers += [stats.loss, stats.rho]
        perturbed.append(stats.perturbed)
    state = [*problem.model.parameters(), *problem.model.buffers()]
    return torch.cat([x.detach().double().cpu().flatten() for x in (*numbers, *state)]), perturbed
