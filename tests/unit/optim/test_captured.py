"""Steps replayed from tapes (`tape.py`) against the same steps taken one by one: every byte is the same."""

import copy
import io
import math
from pathlib import Path

import pytest
import torch
from tests.unit.optim.tape import Tapes, tensors
from tests.unit.optim.test_no_synchronization import Network, Transfers, batch
from torch.utils._python_dispatch import _get_current_dispatch_mode

import lets
from lets.optim import captured, guard
from lets.optim.captured import Captured, CudaGraphs
from lets.optim.guard import Guard

REFUSED = [name for name in lets.methods() if {"ae", "esam"} & set(name.removeprefix("lets-").split("-"))]
NAMES = [name for name in lets.methods() if name not in REFUSED]
EPOCH, STEPS = 6, 24
NAN = float("nan")


@pytest.fixture(autouse=True)
def one_step_warms_up(monkeypatch):
    monkeypatch.setattr(captured, "WARM_UP", 1)


def sgd(parameters, rate):
    return torch.optim.SGD(parameters, rate, 0.9, weight_decay=1e-2, fused=True)


def adamw(parameters, rate):
    return torch.optim.AdamW(parameters, rate, weight_decay=1e-2, fused=True, capturable=True)


class Training:
    """A method with momentum, weight decay, and a learning rate that changes in every step."""

    def __init__(self, network, draw, name, taped, optimizer=sgd, batchnorm=True, following=True, **options):
        self.model = network(0, batchnorm)
        device = next(self.model.parameters()).device
        self.optimizer = optimizer(
            self.model.parameters(), torch.tensor(0.2, dtype=torch.float64, device=device)
        )
        if lets.describe(name).needs_validation:
            options = {"rho_lr": 0.05, "rho_decay": 0.5, **options}
        self.method = lets.create(name, self.model, self.optimizer, **options)
        self.method._guard = Guard(late=True)
        self.tapes = CudaGraphs(device) if device.type == "cuda" else Tapes()
        self.captured = Captured(self.method, self.model, self.tapes) if taped else None
        self.draw, self.following, self.batches = draw, following, {}

    def batch(self, t):
        """The last of an epoch is smaller."""
        return self.batches.setdefault(t, self.draw(t, 5 if t % EPOCH == EPOCH - 1 else 8))

    def step(self, t):
        self.optimizer.param_groups[0]["lr"].fill_(0.2 / (1 + 0.1 * t))
        pair = self.batch(t), self.batch(t + 1 if self.following else 100 + t)
        if self.captured is None:
            return self.method.step(self.model, *pair)
        stats = self.captured.step(*pair)
        for x in tensors(self.batches.pop(t)):  # whoever reads it later will notice
            x.data.fill_(NAN if x.is_floating_point() else -1)
        return stats

    def everything(self):
        """Weights, buffers, and all state: of the parts, their generators, and the base optimizer."""
        found = tensors([list(self.model.parameters()), list(self.model.buffers()), self.method.state_dict()])
        return torch.cat([x.detach().flatten().double() for x in found])


def both(*arguments, **options):
    return [Training(*arguments, taped, **options) for taped in (False, True)]


VARIANTS = [
    *((name, {}) for name in NAMES),
    *((name, {"bn_stats": "all"}) for name in ("sam", "lets-sam")),
    ("lets-sam", {"rho_every": 3}),
    ("lets-sam", {"rho_every": 2, "following": False}),
    ("lets-sam", {"rho_optimizer": "sgd", "parametrization": "raw", "rho_lr": 1e-3}),
    ("lets-sam", {"hessian": "exact", "include_lr": False}),
    ("lets-sam", {"hessian": "finite-difference", "metric": "gap"}),
    ("lets-sam", {"optimizer": adamw, "metric": "validation-loss"}),
    ("lets-gsam", {"rho_every": 2, "batchnorm": False}),
    ("lets-rst", {"rho_every": 2, "p": 0.7}),
    ("lets-looksam", {"k": 2, "scope": "per-tensor"}),
    ("lets-asam", {"asam_norm": "filterwise", "micro_batches": 2}),
    ("looksam", {"k": 2, "optimizer": adamw}),
    ("gsam", {"rho_min": 0.01, "lr_min": 0.1}),
    ("asam", {"asam_norm": "elementwise-all"}),
    ("erm", {"optimizer": lambda p, lr: torch.optim.SGD(p, lr, fused=True)}),
]


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_replayed_steps_are_the_steps(name, options, network, draw):
    eager, taped = both(network, draw, name, **options)
    replayed = set()
    for t in range(STEPS):
        before = taped.tapes.replayed
        expected, stats = eager.step(t).numbers(), taped.step(t).numbers()
        assert stats == expected
        assert taped.method.rho == eager.method.rho
        if t % EPOCH == EPOCH - 1:
            eager.method.end_epoch(), taped.method.end_epoch()
        assert torch.equal(taped.everything(), eager.everything())
        if taped.tapes.replayed > before:
            replayed.add((stats["perturbed"], stats["gap"] is not None, stats["passes"]))
    assert taped.tapes.replayed >= STEPS // 2
    assert {kind[0] for kind in replayed} == (
        {True, False}
        if "k" in taped.method.hyperparameters or "p" in taped.method.hyperparameters
        else {name != "erm"}
    )
    if taped.method.info.needs_validation:
        rests = taped.method.hyperparameters["rho_every"] > 1
        assert {kind[1] for kind in replayed if kind[0]} == ({True, False} if rests else {True})


def test_passes_are_saved_in_replays_too(network, draw):
    eager, taped = both(network, draw, "lets-sam")
    passes = [(eager.step(t).passes, taped.step(t).passes) for t in range(12)]
    assert passes == [(4, 4), *[(3, 3)] * 11]
    assert taped.tapes.replayed > 4


def test_plain_torch_takes_the_same_steps(network, draw):
    """Three steps warm up by default; momentum and weight decay written out by hand in float64."""
    captured.WARM_UP = 3
    taped = Training(network, draw, "erm", True, batchnorm=False)
    twin, velocity = network(0), None
    for t in range(EPOCH * 2):
        x = draw(t, 5 if t % EPOCH == EPOCH - 1 else 8)
        gradient = torch.autograd.grad(twin(x).mean(), list(twin.parameters()))
        with torch.no_grad():
            decayed = [g + 1e-2 * p for g, p in zip(gradient, twin.parameters(), strict=True)]
            velocity = [0.9 * v + d for v, d in zip(velocity, decayed, strict=True)] if velocity else decayed
            for p, v in zip(twin.parameters(), velocity, strict=True):
                p -= 0.2 / (1 + 0.1 * t) * v
        taped.step(t)
    for p, q in zip(taped.model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-14)
    assert (taped.tapes.replayed, len(taped.tapes.tapes)) == (6, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_training_ends_with_the_same_bytes(name, network, draw):
    options = {"rho_every": 2} if name.startswith("lets") else {}
    whole, first = both(network, draw, name, **options)
    for t in range(STEPS):
        whole.step(t)
    for t in range(11):
        first.step(t)
    file = io.BytesIO()
    torch.save([first.method.state_dict(), first.model.state_dict()], file)
    saved = first.method.state_dict()
    first.step(11), first.step(12)  # what was saved does not change any more
    file.seek(0)
    method, model = torch.load(file, weights_only=True)
    second = Training(network, draw, name, True, **options)
    second.step(500)
    for training, state in ((second, method), (first, saved)):
        training.model.load_state_dict(model)
        training.method.load_state_dict(state)
        training.batches.clear()
        for t in range(11, STEPS):
            training.step(t)
        assert torch.equal(training.everything(), whole.everything())
        assert training.tapes.replayed >= 4


def spoiled(x):
    return x[0] * NAN, x[1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", [1, 13, 16])
@pytest.mark.parametrize("following", [True, False])
def test_a_divergent_step_never_happened(name, at, following, network, draw):
    """Nor did the one that was queued before the host heard of it; the training can go on."""
    eager, taped = both(network, draw, name, following=following)
    for t in range(at):
        eager.step(t), taped.step(t)
    taped.batches[at] = spoiled(taped.batch(at))
    with pytest.raises(lets.DivergenceError, match=f"step {at}: loss nan, gradient norm nan"):
        taped.step(at), taped.step(at + 1)
    same_rate(taped, eager)
    assert torch.equal(taped.everything(), eager.everything())
    assert taped.method.rho == eager.method.rho
    taped.batches.clear()
    for t in range(at, STEPS):
        expected, stats = eager.step(t).numbers(), taped.step(t).numbers()
        assert stats["loss"] == expected["loss"]
    assert torch.equal(taped.everything(), eager.everything())


def same_rate(one, other):
    one.optimizer.param_groups[0]["lr"].copy_(other.optimizer.param_groups[0]["lr"])


def test_a_step_that_diverges_after_the_base_optimizer_is_undone_too(network, draw):
    """The loss of the validation batch is seen when weights and momentum have moved."""
    eager, taped = both(network, draw, "lets-sam")
    for t in range(8):
        eager.step(t), taped.step(t)
    taped.batches[9] = spoiled(taped.batch(9))
    replayed = taped.tapes.replayed
    with pytest.raises(lets.DivergenceError, match=r"step 8: loss 1\.\d+, .*validation loss nan"):
        taped.step(8), taped.step(9)
    assert taped.tapes.replayed == replayed + 1, (
        "the next step is another kind: the gradient does not hold any more"
    )
    same_rate(taped, eager)
    assert torch.equal(taped.everything(), eager.everything())


@pytest.mark.parametrize("ask", ["state_dict", "end_epoch"])
def test_the_last_verdict_is_heard_when_asked(ask, network, draw):
    eager, taped = both(network, draw, "lets-sam", following=False)
    for t in range(8):
        eager.step(t), taped.step(t)
    taped.batches[8] = spoiled(taped.batch(8))
    taped.step(8)
    with pytest.raises(lets.DivergenceError, match="step 8"):
        getattr(taped.method, ask)()
    same_rate(taped, eager)
    assert torch.equal(taped.everything(), eager.everything())


def test_a_loaded_state_forgets_divergence(network, draw):
    eager, taped = both(network, draw, "sam", batchnorm=False)
    for t in range(8):
        eager.step(t), taped.step(t)
    state = taped.method.state_dict()
    taped.batches[8] = spoiled(taped.batch(8))
    taped.step(8)
    taped.method.load_state_dict(state)
    taped.batches.clear()
    for t in range(8, 14):
        eager.step(t), taped.step(t)
    assert torch.equal(taped.everything(), eager.everything())


def halve_momentum(training):
    training.optimizer.param_groups[0]["momentum"] = 0.45


def leave_train_mode(training):
    training.model.norm.eval()


def freeze(training):
    training.model.first.bias.requires_grad_(False)


def scale_weights(training):
    with torch.no_grad():
        training.model.last.weight.mul_(1.5)


def move_weights(training):
    training.model.last.weight.data = training.model.last.weight.data.clone()


def reset_averages(training):
    training.model.norm.reset_running_stats()


def move_averages(training):
    training.model.norm.running_mean = training.model.norm.running_mean.clone()


def replace_rate(training):
    group = training.optimizer.param_groups[0]
    group["lr"] = group["lr"].clone()


@pytest.mark.parametrize("name", ["sam", "looksam", "lets-sam"])
@pytest.mark.parametrize(
    "change",
    [
        halve_momentum,
        leave_train_mode,
        freeze,
        scale_weights,
        move_weights,
        reset_averages,
        move_averages,
        replace_rate,
    ],
)
def test_a_change_between_steps_is_noticed(change, name, network, draw):
    eager, taped = both(network, draw, name)
    for t in range(STEPS):
        if t == 10:
            change(eager), change(taped)
        assert taped.step(t).numbers() == eager.step(t).numbers()
    assert torch.equal(taped.everything(), eager.everything())
    assert taped.tapes.replayed > 8


def test_a_variable_of_the_loss_is_noticed(network, draw):
    """Label smoothing that falls from epoch to epoch, say."""
    ends = []
    for taped in (False, True):
        training = Training(network, draw, "sam", taped)
        scale = 1.0

        def loss(x, model=training.model):
            return scale * model(x)  # noqa: B023 – the variable is meant to change

        step = Captured(training.method, loss, training.tapes).step if taped else None
        for t in range(STEPS):
            scale = 1.0 if t < 10 else 0.25
            x = draw(t)
            step(x) if step else training.method.step(loss, x)
        ends.append(training.everything())
    assert torch.equal(*ends)
    assert training.tapes.replayed == STEPS - 2 * 1 - 1


def test_a_mode_that_the_loss_reads_is_noticed(network, draw):
    ends = []
    for taped in (False, True):
        training = Training(network, draw, "sam", taped)

        def loss(x, model=training.model):
            return model(x) * (2 if model.last.training else 1)

        step = Captured(training.method, loss, training.tapes).step if taped else None
        for t in range(8):
            training.model.last.train(t < 5)
            step(draw(t)) if step else training.method.step(loss, draw(t))
        ends.append(training.everything())
    assert torch.equal(*ends)


@pytest.mark.parametrize("name", ["looksam", "lets-sam"])
def test_what_is_reported_or_saved_does_not_change_later(name, network, draw):
    eager, taped = both(network, draw, name)
    expected, stats, states = [], [], []
    for t in range(12):
        expected.append(eager.step(t).numbers())
        stats.append(taped.step(t))
        states.append(taped.method.state_dict())
        states[-1] = states[-1], copy.deepcopy(states[-1])
    assert [x.numbers() for x in stats] == expected
    for state, then in states:
        assert all(map(torch.equal, tensors(state), tensors(then)))


def test_gsams_radius_follows_a_rate_in_single_precision(network):
    """The line of the paper in Python's floats, at the rate that the tensor has."""
    model = network()
    optimizer = sgd(model.parameters(), torch.tensor(0.2))
    method = lets.create("gsam", model, optimizer, rho=0.05, rho_min=0.01, lr_min=0.05)
    highest = optimizer.param_groups[0]["lr"].item()
    for rate in (0.2, 0.17, 0.1, 0.05, 0.01, 0.3):
        optimizer.param_groups[0]["lr"].fill_(rate)
        share = (optimizer.param_groups[0]["lr"].item() - 0.05) / (highest - 0.05)
        assert method.rho == 0.01 + (0.05 - 0.01) * min(max(share, 0.0), 1.0)


def steps_until_it_fails(training):
    for t in range(STEPS):
        try:
            training.step(t)
        except ZeroDivisionError:
            return t
    raise AssertionError("it was to be recorded")


def test_a_loss_that_fails_while_it_is_recorded_leaves_everything(network, draw):
    """It fails in the second pass of a perturbed step: the policy has drawn, and numbers were inspected."""
    eager, taped = both(network, draw, "rst", p=0.6)
    calls, fails = [], [True]

    def loss(x):
        calls.append(_get_current_dispatch_mode())
        if fails[0] and calls[-1] is not None and calls.count(calls[-1]) == 2:
            raise ZeroDivisionError
        return taped.model(x)

    taped.captured = Captured(taped.method, loss, taped.tapes)
    taken = steps_until_it_fails(taped)
    assert taped.method._guard.seen() == {}
    for t in range(taken):
        eager.step(t)
    same_rate(taped, eager)
    assert torch.equal(taped.everything(), eager.everything())
    fails[0] = False
    for t in range(taken, STEPS):
        taped.batches.clear()
        eager.step(t), taped.step(t)
    assert torch.equal(taped.everything(), eager.everything())
    assert taped.tapes.replayed > 4


def test_graphs_not_used_for_longest_are_dropped(network, draw, monkeypatch):
    monkeypatch.setattr(captured, "KINDS", 2)
    taped = Training(network, draw, "erm", True)
    for n in (8, 8, 8, 5, 5, 8, 4, 4, 8, 5):
        taped.captured.step(draw(0, n))
    # After the first step the base optimizer has its state, and 8 is warmed up anew.
    assert (taped.tapes.replayed, taped.tapes.warmed) == (5, 5)


@pytest.mark.parametrize("name", REFUSED)
def test_methods_that_choose_on_the_host_are_refused(name, network, draw):
    model = network()
    method = lets.create(name, model, sgd(model.parameters(), torch.tensor(0.1)), total_steps=3)
    with pytest.raises(ValueError, match=rf"{name} chooses on the host.*method\.step\(loss_fn, batch\)"):
        Captured(method, model, Tapes())


@pytest.mark.parametrize(
    ("optimizer", "line"),
    [
        (
            lambda p: torch.optim.SGD(p, 0.1, fused=True),
            r"SGD\(.*lr=torch.tensor\(0.1, device='cpu'\), fused=True",
        ),
        (lambda p: torch.optim.SGD(p, torch.tensor(0.1)), r"fused = None.* write SGD\(.*fused=True"),
        (lambda p: torch.optim.AdamW(p, torch.tensor(0.1), fused=True), r"AdamW\(.*capturable=True"),
    ],
)
def test_a_rate_that_the_host_reads_is_refused(optimizer, line, network):
    model = network()
    method = lets.create("sam", model, optimizer(model.parameters()))
    with pytest.raises(ValueError, match=line):
        Captured(method, model, Tapes())


def test_a_rate_that_becomes_a_number_is_refused(network, draw):
    taped = Training(network, draw, "sam", True)
    taped.step(0)
    taped.optimizer.param_groups[0]["lr"] = 0.1
    with pytest.raises(ValueError, match=r"lr = 0\.1, fused = True"):
        taped.captured.step(draw(1))


def test_without_a_gpu_it_is_refused(network):
    model = network()
    method = lets.create("sam", model, sgd(model.parameters(), torch.tensor(0.1)))
    with pytest.raises(ValueError, match="the model is on cpu, and CUDA graphs need a GPU"):
        method.captured(model)


def test_the_page_about_your_own_loop_shows_how(network, draw, monkeypatch):
    page = (Path(__file__).parents[3] / "docs/own-loop.md").read_text()
    lines = page.split("## CUDA graphs")[1].split("## ")[0].splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith("    "))
    tapes, model = Tapes(), network()
    monkeypatch.setattr(
        lets.optim.Method, "captured", lambda method, loss_fn: Captured(method, loss_fn, tapes)
    )
    names = {"torch": torch, "lets": lets, "model": model, "loss_fn": model}
    exec(code.replace("cuda", "cpu"), names | {"batch": draw(0), "val_batch": draw(1)}, names)
    names["method"]._guard = Guard(late=True)
    for t in range(4):
        assert math.isfinite(names["fast"].step(draw(t), draw(50 + t)).loss)
    assert tapes.replayed > 0


class Meta(Tapes):
    """Records, on a device without numbers."""

    def record(self, function):
        with Transfers() as transfers:
            made = function()
        self.tapes.append(transfers.seen)
        return made, lambda: None


class Verdicts:
    def __init__(self, step, rho, quantities):
        assert all(x.device.type == "meta" for x in (rho, *quantities.values()))

    def raise_if_diverged(self):
        pass


@pytest.mark.parametrize(("name", "options"), [case for case in VARIANTS if "optimizer" not in case[1]])
def test_what_is_recorded_reads_no_number(name, options, monkeypatch):
    monkeypatch.setattr(guard, "Readings", Verdicts)
    options = {key: x for key, x in options.items() if key not in ("following", "batchnorm")}
    model = Network()
    rate = torch.full((), 0.1)
    optimizer = sgd(model.parameters(), rate)
    method = lets.create(name, model, optimizer, **options)
    optimizer.param_groups[0]["lr"] = rate.to("meta")
    monkeypatch.setattr(optimizer, "step", lambda: None)  # torch asks for its state on meta
    graphs = Meta()
    steps = Captured(method, model, graphs)
    following = batch()
    for _ in range(12):
        now, following = following, batch()
        stats = steps.step(now, following)
    assert stats.loss.device.type == "meta"
    assert graphs.tapes
    assert not any(graphs.tapes)
