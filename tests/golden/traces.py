"""Twenty steps of every method on real digits, in float64: `python -m tests.golden.traces` writes them anew.

Do so only for a change that is meant to alter numbers, and say in the commit which and why.
"""

import json
import platform
from itertools import pairwise
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

import lets
from lets.data.catalogue import describe
from lets.data.images import Batches
from lets.runs.provenance import cpu_name

FILE = Path(__file__).with_name("traces.json")
STEPS = 20


def environment() -> dict[str, str]:
    """What decides the last bits of a sum: only equal environments are compared bit for bit."""
    return {
        "torch": torch.__version__.split("+")[0],
        "cpu": f"{cpu_name()} {_generation()} {torch.backends.cpu.get_cpu_capability()}",
        "machine": platform.machine(),
    }


def _generation() -> str:
    """Virtual machines give different processors one name; family, model and stepping tell them apart."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return ""
    facts = (line.partition(":") for line in lines)
    wanted = ("cpu family", "model", "stepping")
    return "-".join(value.strip() for name, _, value in facts if name.strip() in wanted)


def trace(name: str) -> list[float]:
    """Return the loss of each step, and the last radius as a final entry."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _trained(name)
    finally:
        torch.set_num_threads(threads)


def _trained(name: str) -> list[float]:
    digits, info = lets.data.load("digits"), describe("digits")
    batches = Batches(
        digits.train.images, digits.train.labels, batch_size=64, mean=info.mean, std=info.std, seed=1
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = lets.models.create("resnet-small", digits.classes, digits.image).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    learned = {"rho_lr": 0.01} if lets.describe(name).needs_validation else {}
    method = lets.create(name, model, optimizer, total_steps=STEPS, **learned)

    def loss_fn(batch):
        return cross_entropy(model(batch[0]), batch[1], reduction="none")

    drawn = [(x.double(), y) for x, y in batches.epoch(0)][: STEPS + 1]
    losses = [float(method.step(loss_fn, now, then).loss) for now, then in pairwise(drawn)]
    return [*losses, method.rho]


if __name__ == "__main__":
    traces = {name: trace(name) for name in lets.methods()}
    FILE.write_text(json.dumps({"environment": environment(), "traces": traces}, indent=1) + "\n")
