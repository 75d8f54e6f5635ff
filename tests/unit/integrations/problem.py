"""One training for all frameworks: nine batches of eight samples in float64, momentum, decay, a falling rate."""

from collections.abc import Sequence
from pathlib import Path
from runpy import run_path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import TensorDataset

import lets
from lets.optim import MethodOptimizer

LINE = run_path(str(Path(__file__).parents[3] / "docs/methods/straight_line.py"))
NAMES = ("sam", "lets-sam", "gsam")
STEPS, SIZE, LR, MAX_NORM = 9, 8, 0.3, 0.4
RATES = [LR * (1 - t / 20) for t in range(STEPS)]
GIVEN = {**LINE["SETTINGS"], "rho_optimizer": "sgd"}

_random = torch.Generator().manual_seed(1000)
INPUTS = torch.randn(STEPS * SIZE, 4, generator=_random, dtype=torch.float64)
TARGETS = torch.randint(0, 3, (STEPS * SIZE,), generator=_random)
SAMPLES = TensorDataset(INPUTS, TARGETS)
BATCHES = list(zip(INPUTS.split(SIZE), TARGETS.split(SIZE), strict=True))
FOLLOWING = [*BATCHES[1:], BATCHES[0]]
Batch = tuple[Tensor, Tensor]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.first = nn.Linear(4, 6, dtype=torch.float64)
            self.last = nn.Linear(6, 3, dtype=torch.float64)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(inputs)))


class Losses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = Network()

    def forward(self, batch: Batch) -> Tensor:
        return cross_entropy(self.network(batch[0]), batch[1], reduction="none")


def sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=0.01)


def schedule(optimizer: torch.optim.Optimizer) -> LambdaLR:
    return LambdaLR(optimizer, lambda t: 1 - t / 20)


def settings_of(name: str) -> dict[str, Any]:
    return {k: v for k, v in GIVEN.items() if k in lets.describe(name).hyperparameters}


def optimizer_of(name: str, model: nn.Module, **settings: Any) -> MethodOptimizer:
    return lets.optimizer(name, model, sgd(model), data_parallel="averaged", **settings_of(name), **settings)


def expected(
    name: str,
    validations: Sequence[Batch] = FOLLOWING,
    max_norm: float | None = None,
    batches: Sequence[Batch] = BATCHES,
) -> tuple[Tensor, float]:
    """Weights and radius at the end of the straight line."""
    line = LINE["straight_line"](name, Losses(), batches, validations, RATES, max_norm=max_norm)
    theta, rho, _ = line[-1]
    return theta, rho


def flat(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def assert_is_the_line(
    name: str,
    model: nn.Module,
    optimizer: MethodOptimizer,
    validations: Sequence[Batch] = FOLLOWING,
    max_norm: float | None = None,
) -> None:
    theta, rho = expected(name, validations, max_norm)
    torch.testing.assert_close(flat(model), theta, rtol=1e-10, atol=1e-12)
    if name.startswith("lets-"):
        assert abs(optimizer.rho / rho - 1) < 1e-10
        assert rho != GIVEN["rho"]
