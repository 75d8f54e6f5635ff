"""The test problem of all worked numbers, L = (a x^2 + b y^2)/2 with (a, b) per sample, and a network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import lets


class Quadratic(nn.Module):
    """x is the "weight", y the "bias" of ASAM's official form."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0, dtype=torch.float64))
        self.bias = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, coefficients: Tensor) -> Tensor:
        return 0.5 * (coefficients[:, 0] * self.weight**2 + coefficients[:, 1] * self.bias**2)

    @property
    def theta(self) -> list[float]:
        return [self.weight.item(), self.bias.item()]


def coefficients(*pairs: tuple[float, float]) -> Tensor:
    return torch.tensor(pairs, dtype=torch.float64)


@dataclass
class Problem:
    """A method on the quadratic: theta_0 = (3, 1), (a, b) = (1, 4), eta = 0.1, validation (2, 3)."""

    name: str
    hyperparameters: dict[str, Any]
    momentum: float = 0.0
    weight_decay: float = 0.0
    lr: float = 0.1
    model: Quadratic = field(default_factory=Quadratic)
    train: Tensor = field(default_factory=lambda: coefficients((1, 4)))
    validation: Tensor = field(default_factory=lambda: coefficients((2, 3)))

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay
        )
        self.method = lets.create(
            self.name, self.model, self.optimizer, total_steps=4, **self.hyperparameters
        )

    def step(self) -> lets.optim.Stats:
        return self.method.step(self.model, self.train, self.validation)


@pytest.fixture
def quadratic() -> Callable[..., Problem]:
    def make(name: str, /, *, train: Tensor | None = None, **options: Any) -> Problem:
        own = {k: options.pop(k) for k in ("momentum", "weight_decay", "lr") if k in options}
        problem = Problem(name, options, **own)
        problem.train = problem.train if train is None else train
        return problem

    return make


class Network(nn.Module):
    """A smooth float64 network on 4 inputs and 3 classes, optionally with BatchNorm."""

    def __init__(self, seed: int = 0, batchnorm: bool = False) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            self.first = nn.Linear(4, 6, dtype=torch.float64)
            self.norm = nn.BatchNorm1d(6, dtype=torch.float64) if batchnorm else nn.Identity()
            self.last = nn.Linear(6, 3, dtype=torch.float64)
        with torch.no_grad():
            for p in (*self.first.parameters(), *self.last.parameters()):
                p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.5)

    def forward(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, labels = batch
        logits = self.last(torch.tanh(self.norm(self.first(inputs))))
        return nn.functional.cross_entropy(logits, labels, reduction="none")


@pytest.fixture
def network() -> Callable[..., Network]:
    return Network


@pytest.fixture
def draw() -> Callable[..., tuple[Tensor, Tensor]]:
    """Draws a batch of n samples by seed."""

    def one(seed: int, n: int = 8) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(1000 + seed)
        inputs = torch.randn(n, 4, generator=generator, dtype=torch.float64)
        return inputs, torch.randint(0, 3, (n,), generator=generator)

    return one


@pytest.fixture(autouse=True)
def global_rng_untouched() -> Iterator[None]:
    """No test of the core may find the global generator moved by it."""
    torch.manual_seed(7)
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)
