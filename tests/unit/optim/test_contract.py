"""After `step` returns or raises, model, buffers, base optimizer and method are what the equations say.

Whatever the forward and the base optimizer do to weights and buffers, and wherever these lie.
"""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import lets

METHODS = lets.methods()
SAMPLES, INPUTS, WIDTH = 8, 4, 6


class Renormalised(nn.Linear):
    """Max-norm, as in networks for EEG: the forward gives the weight other memory."""

    def forward(self, x: Tensor) -> Tensor:
        self.weight.data = torch.renorm(self.weight.data, 2, 0, 0.5)
        return super().forward(x)


class RenormalisedInPlace(nn.Linear):
    """Moves neither the weight's version nor its address."""

    def forward(self, x: Tensor) -> Tensor:
        self.weight.data.copy_(torch.renorm(self.weight.data, 2, 0, 0.5))
        return super().forward(x)


class RenormalisedUnderNoGrad(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.weight.mul_(0.5 / self.weight.norm())
        return super().forward(x)


class Flattened(nn.Linear):
    """Moves weight and bias into one block, as cuDNN's recurrent layers do."""

    def forward(self, x: Tensor) -> Tensor:
        block = torch.cat([self.weight.data.flatten(), self.bias.data])
        self.weight.data = block[: self.weight.numel()].view_as(self.weight)
        self.bias.data = block[self.weight.numel() :]
        return super().forward(x)


class OwnAverage(nn.Module):
    """A running average of its own, written in the given way."""

    def __init__(self, write: Callable[[nn.Module, Tensor], None]) -> None:
        super().__init__()
        self.write = write
        self.register_buffer("average", torch.zeros(WIDTH, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        self.write(self, 0.9 * self.average + 0.1 * x.detach().mean(0))
        return x - self.average


class LateBuffer(nn.Module):
    """Makes a buffer in its first forward."""

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "first"):
            self.register_buffer("first", x.detach().mean(0))
        return x - self.first


class OwnBatchNorm(nn.BatchNorm1d):
    """Updates its averages itself, whatever the flags say."""

    def forward(self, x: Tensor) -> Tensor:
        self.running_mean.mul_(0.5).add_(0.5 * x.detach().mean(0))
        return nn.functional.batch_norm(x, None, None, self.weight, self.bias, training=True)


def rebind(module: nn.Module, value: Tensor) -> None:
    module.average = value


def scripted() -> nn.Module:
    return torch.jit.trace(
        nn.BatchNorm1d(WIDTH, dtype=torch.float64), torch.zeros(3, WIDTH, dtype=torch.float64)
    )


def linear(kind: type[nn.Linear] = nn.Linear) -> nn.Linear:
    return kind(INPUTS, WIDTH, dtype=torch.float64)


HOSTILE: dict[str, Callable[[], list[nn.Module]]] = {
    "weight rebound": lambda: [linear(Renormalised)],
    "weight written through data": lambda: [linear(RenormalisedInPlace)],
    "weight written": lambda: [linear(RenormalisedUnderNoGrad)],
    "weights flattened": lambda: [linear(Flattened)],
    "BatchNorm": lambda: [linear(), nn.BatchNorm1d(WIDTH, dtype=torch.float64)],
    "BatchNorm, cumulative": lambda: [linear(), nn.BatchNorm1d(WIDTH, momentum=None, dtype=torch.float64)],
    "BatchNorm of one's own": lambda: [linear(), OwnBatchNorm(WIDTH, dtype=torch.float64)],
    "InstanceNorm": lambda: [
        linear(),
        nn.Unflatten(1, (2, 3)),
        nn.InstanceNorm1d(2, affine=True, track_running_stats=True, dtype=torch.float64),
        nn.Flatten(),
    ],
    "spectral norm": lambda: [nn.utils.spectral_norm(linear())],
    "spectral norm, parametrized": lambda: [nn.utils.parametrizations.spectral_norm(linear())],
    "buffer written": lambda: [linear(), OwnAverage(lambda m, x: m.average.copy_(x))],
    "buffer written through data": lambda: [linear(), OwnAverage(lambda m, x: m.average.data.copy_(x))],
    "buffer rebound": lambda: [linear(), OwnAverage(rebind)],
    "buffer rebound through data": lambda: [linear(), OwnAverage(lambda m, x: setattr(m.average, "data", x))],
    "buffer made late": lambda: [linear(), LateBuffer()],
    "ScriptModule": lambda: [linear(), scripted()],
}


class Net(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            layers = HOSTILE[kind]()
            self.network = nn.Sequential(*layers, nn.Tanh(), nn.Linear(WIDTH, 3, dtype=torch.float64))

    def forward(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1], reduction="none")


class Rebinding(torch.optim.Optimizer):
    """Momentum whose state and parameters are new tensors after a step; it counts in its groups, as Prodigy does."""

    def __init__(self, parameters: object, lr: float = 0.1) -> None:
        super().__init__(parameters, {"lr": lr, "steps": 0, "total": torch.zeros(())})

    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            group["steps"] += 1
            group["total"].add_(1)
            for p in group["params"]:
                if p.grad is not None:
                    history = self.state[p].setdefault("history", [torch.zeros_like(p)])
                    history[0] = 0.9 * history[0] + p.grad
                    p.data = p.data - group["lr"] * history[0]


OPTIMIZERS = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, weight_decay=0.01),
    "adam": torch.optim.Adam,
    "rebinding": Rebinding,
}


def make(
    name: str, model: nn.Module, optimizer: str = "sgd", lr: float = 0.1, **given: object
) -> lets.optim.Method:
    return lets.create(name, model, OPTIMIZERS[optimizer](model.parameters(), lr), total_steps=4, **given)


def state(model: nn.Module, method: lets.optim.Method | None = None) -> list[object]:
    """Copies of all that a step may change."""
    found = [*model.named_parameters(), *model.named_buffers()]
    return copy.deepcopy([*found, method.state_dict() if method else None])


def same(a: object, b: object) -> bool:
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", METHODS)
def test_at_rate_zero_a_step_is_its_first_pass(name, kind, draw):
    """To the last bit: all that other passes did to weights and buffers is undone."""
    model, plain = Net(kind), Net(kind)
    method = make(name, model, lr=0.0)
    for t in range(2):
        plain(draw(t))
        method.step(model, draw(t), draw(50 + t))
        assert same(state(model), state(plain))


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["sam", "gsam", "lets-sam", "lets-looksam"])
def test_the_second_pass_is_at_the_radius_from_the_first(name, kind, draw):
    """Never a silent ERM: seen at the entry of the forward, before the layer renormalises once more."""
    model, plain, seen = Net(kind), Net(kind), []
    plain(draw(0))
    theta = torch.cat([p.detach().flatten() for p in plain.parameters()])

    def loss_fn(batch):
        seen.append(torch.cat([p.detach().flatten().clone() for p in model.parameters()]))
        return model(batch)

    make(name, model, rho=0.3).step(loss_fn, draw(0), draw(50))
    assert (seen[1] - theta).norm().item() == pytest.approx(0.3, rel=1e-9)


def sam_by_hand(model, batch, rho, lr):
    """Straight-line SAM with plain gradient descent, whose forwards change the weights as they like."""
    parameters = list(model.parameters())
    gradient = torch.autograd.grad(model(batch).mean(), parameters)
    buffers, theta = copy.deepcopy(list(model.buffers())), [p.detach().clone() for p in parameters]
    norm = torch.cat([g.flatten() for g in gradient]).norm()
    with torch.no_grad():
        for p, g in zip(parameters, gradient, strict=True):
            p += rho * g / norm
    there = torch.autograd.grad(model(batch).mean(), parameters)
    return [t - lr * g for t, g in zip(theta, there, strict=True)], buffers


@pytest.mark.parametrize("kind", HOSTILE)
def test_sam_is_that_of_its_equations(kind, draw):
    model = Net(kind)
    expected, buffers = sam_by_hand(Net(kind), draw(0), 0.3, 0.1)
    lets.create("sam", model, torch.optim.SGD(model.parameters(), 0.1), rho=0.3).step(model, draw(0))
    torch.testing.assert_close(list(model.parameters()), expected, rtol=1e-12, atol=1e-14)
    assert same(list(model.buffers()), buffers)


@pytest.mark.parametrize("optimizer", ["adam", "rebinding"])
@pytest.mark.parametrize("kind", ["weight rebound", "buffer rebound", "buffer made late", "spectral norm"])
@pytest.mark.parametrize("name", METHODS)
def test_a_failed_step_never_happened(name, kind, optimizer, draw):
    """It raises, or is not finite, in each of its passes in turn; then the same training goes on to the same bytes."""
    model, twin = Net(kind), Net(kind)
    method, untouched = make(name, model, optimizer), make(name, twin, optimizer)
    calls, fails = 0, (0, 1.0)

    def loss_fn(batch):
        nonlocal calls
        calls += 1
        if calls == fails[0] and fails[1] == 0:
            model(batch)
            raise ZeroDivisionError
        return model(batch) * (fails[1] if calls == fails[0] else 1.0)

    for t in range(2):
        untouched.step(twin, draw(t), draw(50 + t))
        calls, fails = 0, (0, 1.0)
        before = state(model, method)
        for at in range(1, 6):
            for spoil in (0, float("nan"), float("inf")):
                method._cached, calls, fails = None, 0, (at, spoil)
                try:
                    method.step(loss_fn, draw(t), draw(50 + t))
                except (ZeroDivisionError, lets.DivergenceError):
                    assert same(state(model, method), before)
                    assert all(p.grad is None for p in model.parameters())
                else:
                    assert calls < at
                    undo(model, method, before)
        calls, fails = 0, (0, 1.0)
        method.step(loss_fn, draw(t), draw(50 + t))
    assert same(state(model, method), state(twin, untouched))


def undo(model, method, before):
    """Put a state of `state` back by hand."""
    *tensors, of_method = before
    names = dict(tensors)
    for module in model.modules():
        for name in list(module._buffers):
            del module._buffers[name]
    for path, value in names.items():
        owner, _, name = path.rpartition(".")
        module = model.get_submodule(owner)
        if name in module._parameters:
            module._parameters[name].data = value.detach().clone()
        else:
            module.register_buffer(name, value.clone())
    method.load_state_dict(of_method)


@pytest.mark.parametrize("name", METHODS)
def test_a_base_optimizer_that_fails_half_way(name, network, draw):
    """Weights, momentum and settings of the parameters it had already stepped are put back."""

    class Failing(torch.optim.SGD):
        fails = False

        def step(self, closure=None):
            super().step()
            self.param_groups[0]["momentum"] = 0.5
            if self.fails:
                raise MemoryError

    model = network(0, batchnorm=True)
    optimizer = Failing(model.parameters(), 0.1, momentum=0.9)
    method = lets.create(name, model, optimizer, total_steps=4)
    method.step(model, draw(0), draw(50))
    optimizer.param_groups[0]["momentum"] = 0.9
    before, optimizer.fails = state(model, method), True
    with pytest.raises(MemoryError):
        method.step(model, draw(1), draw(51))
    assert same(state(model, method), before)


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_left_for_a_second_step_of_the_base_optimizer(name, network, draw):
    model = network(0)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    method = lets.create(name, model, optimizer, total_steps=4)
    method.step(model, draw(0), draw(50))
    before = state(model, method)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    assert same(state(model, method), before)


@pytest.mark.parametrize("name", METHODS)
def test_gradients_that_a_base_optimizer_keeps_stay_what_they_were(name, network, draw):
    class Keeping(torch.optim.SGD):
        def step(self, closure=None):
            gradients = [p.grad for group in self.param_groups for p in group["params"]]
            kept.append((gradients, copy.deepcopy(gradients)))
            super().step()

    kept: list[tuple[list[Tensor], list[Tensor]]] = []
    model = network(0)
    method = lets.create(name, model, Keeping(model.parameters(), 0.1), total_steps=4)
    for t in range(3):
        method.step(model, draw(t), draw(50 + t))
    assert all(same(now, then) for now, then in kept)


@pytest.mark.parametrize("name", METHODS)
def test_autocast_around_a_step_is_autocast_inside_the_loss(name, network, draw):
    """In every nesting, also when the user's own forward has filled the cache before; and SAM is not ERM."""

    def plain(batch):
        return model(batch)

    def inside(batch):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model(batch)

    ends = []
    for enabled, loss_fn in ((None, inside), (True, plain), (True, inside), (False, inside)):
        model = network(0).float()
        method = lets.create(name, model, torch.optim.SGD(model.parameters(), 0.1), total_steps=4)
        for t in range(2):
            batches = [(x.float(), y) for x, y in (draw(t), draw(50 + t))]
            if enabled is None:
                method.step(loss_fn, *batches)
                continue
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                model(batches[0])
                method.step(loss_fn, *batches)
                fresh = model(batches[0])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                assert torch.equal(fresh, model(batches[0]))
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert all(torch.equal(ends[0], end) for end in ends)


@pytest.mark.parametrize("name", METHODS)
def test_no_step_depends_on_torchs_defaults(name, network, draw):
    ends = []
    for device, dtype in (("cpu", torch.float32), ("meta", torch.float64)):
        model, batches = network(0), [draw(t) for t in range(4)]
        torch.set_default_device(device), torch.set_default_dtype(dtype)
        try:
            method = lets.create(name, model, torch.optim.SGD(model.parameters(), 0.1), total_steps=4)
            for t in range(3):
                method.step(model, batches[t], batches[t + 1])
            method.load_state_dict(method.state_dict())
        finally:
            torch.set_default_device(None), torch.set_default_dtype(torch.float32)
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*ends)
