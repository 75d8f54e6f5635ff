"""What every method must do on every model with every base optimizer; new methods join by themselves."""

import copy
import io

import pytest
import torch
from torch import Tensor, nn

import lets

STEPS = 6


class Perceptron(nn.Module):
    """Dropout that is off, a frozen layer and a tied one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(48, 10)
        self.middle = nn.Linear(10, 10)
        self.frozen = nn.Linear(10, 10).requires_grad_(False)
        self.last = nn.Linear(10, 4)

    def forward(self, images: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(images.flatten(1)))
        hidden = torch.tanh(self.middle(nn.functional.dropout(hidden, 0.5, training=False)))
        return self.last(torch.tanh(self.frozen(self.middle(hidden))))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


MODELS = {"perceptron": Perceptron, "convolutional": convolutional}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=5e-4),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
}


class Run:
    def __init__(self, name: str, model: str, optimizer: str) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.model = MODELS[model]()
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, STEPS)
        self.method = lets.create(name, self.model, self.optimizer, total_steps=STEPS)

    def losses(self, batch: dict[str, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self.model(batch["image"]), batch["label"], reduction="none")

    def train(self, start: int, stop: int) -> list[lets.optim.Stats]:
        stats = []
        for t in range(start, stop):
            stats.append(self.method.step(self.losses, batch(t), batch(100 + t)))
            self.scheduler.step()
        return stats

    def save(self) -> io.BytesIO:
        file = io.BytesIO()
        parts = {"model": self.model, "method": self.method, "scheduler": self.scheduler}
        torch.save({name: part.state_dict() for name, part in parts.items()}, file)
        file.seek(0)
        return file

    def load(self, file: io.BytesIO) -> None:
        state = torch.load(file, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.method.load_state_dict(state["method"])
        self.scheduler.load_state_dict(state["scheduler"])

    def everything(self) -> list[Tensor]:
        state = self.optimizer.state_dict()["state"]
        moments = [v for s in state.values() for v in s.values() if isinstance(v, Tensor)]
        return [x.detach().clone() for x in (*self.model.state_dict().values(), *moments)]


def batch(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(8, 3, 4, 4, generator=generator)
    return {"image": images, "label": torch.randint(0, 4, (8,), generator=generator)}


def equal(a: list[Tensor], b: list[Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


everywhere = pytest.mark.parametrize(
    ("name", "model", "optimizer"),
    [(n, m, o) for n in lets.methods() for m in MODELS for o in OPTIMIZERS],
)


@everywhere
def test_a_resumed_run_ends_with_the_same_bytes(name: str, model: str, optimizer: str) -> None:
    whole = Run(name, model, optimizer)
    whole.train(0, 3)
    saved = whole.save()
    tail = whole.train(3, STEPS)
    resumed = Run(name, model, optimizer)
    resumed.load(saved)
    again = resumed.train(3, STEPS)
    assert equal(whole.everything(), resumed.everything())
    assert whole.method.rho == resumed.method.rho
    assert [s.numbers() for s in tail] == [s.numbers() for s in again]


@everywhere
def test_a_step(name: str, model: str, optimizer: str) -> None:
    torch.manual_seed(1)
    rng = torch.get_rng_state()
    run = Run(name, model, optimizer)
    info = run.method.info
    frozen = [p.detach().clone() for p in run.model.parameters() if not p.requires_grad]
    before = run.everything()
    first = batch(0)
    with torch.no_grad():
        twin = copy.deepcopy(run.model)
        expected = nn.functional.cross_entropy(twin(first["image"]), first["label"])
    rho = run.method.rho
    stats = run.train(0, STEPS)
    torch.testing.assert_close(stats[0].loss, expected)
    assert stats[0].rho == rho
    assert not equal(before, run.everything())
    assert equal(frozen, [p.detach() for p in run.model.parameters() if not p.requires_grad])
    assert equal(
        [b for n, b in run.model.named_buffers() if "num_batches" in n],
        [torch.tensor(STEPS)] * sum("num_batches" in n for n, _ in run.model.named_buffers()),
    )
    for s in stats:
        learned = s.perturbed and info.needs_validation
        assert s.passes == 1 + s.perturbed + 2 * learned
        assert (s.gap is not None) == (s.hypergradient is not None) == learned
    assert any(s.perturbed for s in stats) == (name != "erm")
    assert (run.method.rho != rho) == (info.radius in ("learned", "lr-coupled"))
    assert torch.equal(torch.get_rng_state(), rng)


@pytest.mark.parametrize("name", lets.methods())
def test_training_reduces_the_loss(name: str) -> None:
    run = Run(name, "convolutional", "adam")
    data, other = batch(0), batch(0)
    losses = [run.method.step(run.losses, data, other).loss.item() for _ in range(40)]
    assert losses[-1] < 0.9 * losses[0]
