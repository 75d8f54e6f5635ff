"""A method as a torch optimizer: the numbers of `Method.step`, and what loops and frameworks do with optimizers.

Run as a script this file is one of two processes, in DistributedDataParallel and FSDP2.
"""

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.optim.optimizer import register_optimizer_step_post_hook

import lets
from lets.optim import MethodOptimizer
from lets.optim import sharded as spread

NAMES = [name for name in lets.methods() if "esam" not in name]
STEPS = 6
INPUTS = torch.randn(STEPS + 1, 32, 8, generator=torch.Generator().manual_seed(0)).unbind()
TARGETS = [(inputs.sum(1) > 0).long() for inputs in INPUTS]
Closure = Callable[[], Tensor]


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2)).to(dtype)


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)


class Loop:
    """A model with an optimizer and the usual closures; counts their calls."""

    def __init__(self, name: str = "lets-sam", **settings: object) -> None:
        self.model, self.calls = network(), 0
        self.optimizer = lets.optimizer(name, self.model, sgd(self.model), total_steps=10_000, **settings)
        self.learns = lets.describe(name).needs_validation

    def closure(self, index: int) -> Closure:
        inputs, targets = INPUTS[index], TARGETS[index]

        def closure() -> Tensor:
            self.calls += 1
            self.optimizer.zero_grad()
            loss = cross_entropy(self.model(inputs), targets)
            loss.backward()
            return loss

        return closure

    def step(self, index: int) -> Tensor:
        return self.optimizer.step(self.closure(index), self.closure(index + 1) if self.learns else None)

    def numbers(self) -> list[Tensor]:
        return [x.clone() for x in self.model.state_dict().values()] + [torch.tensor(self.optimizer.rho)]


def same(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_those_of_the_method_to_the_bit(name: str) -> None:
    loop, model = Loop(name), network()
    method = lets.create(name, model, sgd(model), total_steps=10_000)
    for index in range(STEPS):
        batch, following = ((INPUTS[i], TARGETS[i]) for i in (index, index + 1))
        stats = method.step(
            lambda b: cross_entropy(model(b[0]), b[1]), batch, following if loop.learns else None
        )
        assert torch.equal(loop.step(index), stats.loss)
        assert loop.optimizer.rho == method.rho
    assert same([*loop.model.state_dict().values()], [*model.state_dict().values()])


def test_sam_with_clipped_gradients_is_the_straight_line() -> None:
    """Clipping inside the closure is that of both gradients: the one climbed along, and the one stepped along."""
    model = network(torch.float64)
    inputs, targets = INPUTS[0].double(), TARGETS[0]
    optimizer = lets.optimizer("sam", model, torch.optim.SGD(model.parameters(), lr=0.1), rho=0.05)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(model(inputs), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        return loss

    other = network(torch.float64)
    parameters = list(other.parameters())

    def clipped() -> list[Tensor]:
        found = torch.autograd.grad(cross_entropy(other(inputs), targets), parameters)
        norm = torch.sqrt(sum((g**2).sum() for g in found))
        return [g * torch.clamp(0.01 / (norm + 1e-6), max=1) for g in found]

    first = clipped()
    norm = torch.sqrt(sum((g**2).sum() for g in first))
    with torch.no_grad():
        for p, g in zip(parameters, first, strict=True):
            p += 0.05 * g / norm
    second = clipped()
    with torch.no_grad():
        for p, g, h in zip(parameters, first, second, strict=True):
            p -= 0.05 * g / norm + 0.1 * h
    optimizer.step(closure)
    for ours, theirs in zip(model.parameters(), parameters, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_accumulation_inside_the_closure_is_the_whole_batch() -> None:
    models = [network(torch.float64).eval() for _ in range(2)]  # BatchNorm would see the parts
    for model, parts in zip(models, (1, 4), strict=True):
        optimizer = lets.optimizer("asam", model, sgd(model))

        def closure(model: nn.Module = model, parts: int = parts) -> Tensor:
            losses = []
            for inputs, targets in zip(INPUTS[0].double().chunk(parts), TARGETS[0].chunk(parts), strict=True):
                losses.append(cross_entropy(model(inputs), targets) / parts)
                losses[-1].backward()
            return torch.stack(losses).sum()

        for _ in range(3):
            optimizer.step(closure)
    for whole, parts in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-12)


def test_three_passes_if_the_validation_closure_is_the_next_one() -> None:
    loop = Loop()
    for index in range(STEPS):
        loop.step(index)
    assert loop.calls == 3 * STEPS + 1


def test_a_closure_whose_variables_changed_is_another_one() -> None:
    loop = Loop()
    numbers = INPUTS[0].clone()

    def closure() -> Tensor:
        loop.calls += 1
        loss = cross_entropy(loop.model(numbers), TARGETS[0])
        loss.backward()
        return loss

    loop.optimizer.step(closure, closure)
    loop.optimizer.step(closure, closure)
    assert loop.calls == 7
    numbers += 1
    loop.optimizer.step(closure, closure)
    assert loop.calls == 11


def test_groups_and_state_are_the_base_s_own() -> None:
    loop = Loop()
    base = loop.optimizer.base
    loop.step(0)
    assert loop.optimizer.param_groups is base.param_groups
    assert loop.optimizer.state is base.state
    assert all("momentum_buffer" in base.state[p] for p in loop.model.parameters())
    extra = nn.Parameter(torch.zeros(3))
    loop.optimizer.add_param_group({"params": [extra], "lr": 0.5})
    assert base.param_groups[1]["params"] == [extra]
    assert loop.optimizer.defaults == base.defaults


@pytest.mark.parametrize("name", ["sam", "gsam", "lets-gsam"])
def test_a_scheduler_around_it_is_one_around_the_base(name: str) -> None:
    inside, outside = Loop(name), Loop(name)
    schedulers = [
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)
        for optimizer in (inside.optimizer.base, outside.optimizer)
    ]
    for index in range(STEPS):
        for loop in (inside, outside):
            loop.step(index)
        for scheduler in schedulers:
            scheduler.step()
    assert same(inside.numbers(), outside.numbers())
    assert outside.optimizer.param_groups[0]["lr"] < 1e-3


def test_hooks_run_around_a_step() -> None:
    loop, seen = Loop("sam"), list[str]()
    loop.optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    loop.optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    loop.step(0)
    assert seen == ["before", "after"]


def test_hooks_of_all_optimizers_run_around_a_step() -> None:
    loop, seen = Loop("sam"), list[str]()
    handle = register_optimizer_step_post_hook(lambda one, *_: seen.append(type(one).__name__))
    try:
        loop.step(0)
    finally:
        handle.remove()
    assert seen == ["SGD", "MethodOptimizer"]


def test_a_profiler_sees_a_step() -> None:
    loop = Loop("sam")
    with torch.profiler.profile() as seen:
        loop.step(0)
    names = {event.name for event in seen.events()}
    assert {"Optimizer.step#MethodOptimizer.step", "Optimizer.step#SGD.step"} <= names


def test_hooks_run_around_saving_and_loading() -> None:
    """Torch's: one before that looks, one after that may hand over another state."""
    loop, seen = Loop("sam"), list[object]()
    optimizer = loop.optimizer
    loop.step(0)
    optimizer.register_state_dict_pre_hook(lambda o: seen.append(o))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 7})
    optimizer.register_load_state_dict_pre_hook(
        lambda o, state: seen.append(state["note"]) or {**state, "note": 8}
    )
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(o.method._steps))
    state = optimizer.state_dict()
    loop.step(1)
    optimizer.load_state_dict(state)
    assert seen == [optimizer, 7, 1]


def test_a_compiled_step_has_the_numbers_of_another() -> None:
    loop, compiled = Loop(), Loop()
    step = torch.compile(compiled.optimizer.step, backend="eager")
    for index in range(2):
        loop.step(index)
        step(compiled.closure(index), compiled.closure(index + 1))
    assert same(loop.numbers(), compiled.numbers())


@pytest.mark.parametrize("name", ["sam", "lets-asam", "lets-ae-looksam"])
def test_a_saved_state_goes_on_to_the_bit(name: str) -> None:
    loop, other = Loop(name), Loop(name)
    for index in range(STEPS):
        if index == 3:
            saved = deepcopy((loop.model.state_dict(), loop.optimizer.state_dict()))
        loop.step(index)
    other.step(5)
    other.model.load_state_dict(saved[0])
    other.optimizer.load_state_dict(saved[1])
    for index in range(3, STEPS):
        other.step(index)
    assert same(loop.numbers(), other.numbers())


def test_the_state_of_a_base_alone_is_refused_and_changes_nothing() -> None:
    loop = Loop()
    loop.step(0)
    before = loop.numbers()
    state = sgd(network()).state_dict()
    with pytest.raises(ValueError, match="radius would start anew"):
        loop.optimizer.load_state_dict(state)
    assert same(before, loop.numbers())
    assert loop.optimizer.base.state


def test_a_copy_goes_on_by_itself() -> None:
    loop = Loop()
    loop.step(0)
    copy = Loop()
    copy.model, copy.optimizer = deepcopy((loop.model, loop.optimizer))
    before = loop.numbers()
    copy.step(1)
    assert same(before, loop.numbers())
    loop.step(1)
    assert same(copy.numbers(), loop.numbers())


def test_a_closure_that_raises_leaves_everything_as_it_was() -> None:
    loop = Loop()
    loop.step(0)
    before, calls = loop.numbers(), loop.calls

    def closure() -> Tensor:
        if loop.calls == calls + 2:
            raise RuntimeError("out of memory")
        return loop.closure(1)()

    with pytest.raises(RuntimeError, match="out of memory"):
        loop.optimizer.step(closure, loop.closure(2))
    assert same(before, loop.numbers())
    assert all(p.grad is None for p in loop.model.parameters())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda loop: None, "no closure"),
        (lambda loop: lambda: None, "returned NoneType"),
        (lambda loop: lambda: torch.zeros(2), r"float32 of shape \(2,\)"),
        (lambda loop: lambda: cross_entropy(loop.model(INPUTS[0]), TARGETS[0]), "left no gradient"),
    ],
)
def test_what_is_no_closure_is_refused(make: Callable[[Loop], Closure], told: str) -> None:
    loop = Loop("sam")
    before = loop.numbers()
    with pytest.raises((ValueError, TypeError), match=told):
        loop.optimizer.step(make(loop))
    assert same(before, loop.numbers())


def test_gradients_accumulated_outside_the_closure_are_not_lost_without_a_word() -> None:
    loop = Loop("sam")
    loop.closure(0)()
    with pytest.raises(ValueError, match="from before this step"):
        loop.step(1)
    loop.optimizer.zero_grad()
    loop.step(1)


@pytest.mark.parametrize("name", [name for name in lets.methods() if name not in NAMES])
def test_what_needs_the_losses_of_samples_says_so(name: str) -> None:
    with pytest.raises(ValueError, match="chooses samples"):
        Loop(name)


def test_a_second_derivative_is_refused() -> None:
    with pytest.raises(ValueError, match="second derivative"):
        Loop("lets-sam", hessian="exact")


def test_a_gradient_scaler_is_refused_before_anything_moves() -> None:
    loop = Loop("sam")
    scaler = torch.amp.GradScaler("cpu")
    before = loop.numbers()
    scaler.scale(cross_entropy(loop.model.eval()(INPUTS[0]), TARGETS[0])).backward()
    with pytest.raises(ValueError, match="no closure"):
        scaler.step(loop.optimizer)
    with pytest.raises(ValueError, match="from before this step"):
        scaler.step(loop.optimizer, loop.closure(0))
    with pytest.raises(RuntimeError, match="Closure use is not currently supported"):
        scaler.step(loop.optimizer, closure=loop.closure(0))
    assert same(before, loop.numbers())


def test_warnings_point_to_the_line_of_the_user() -> None:
    def line_of(caught: pytest.WarningsRecorder) -> str:
        (warning,) = caught
        return Path(warning.filename).read_text().splitlines()[warning.lineno - 1].strip()

    model = network()
    with pytest.warns(lets.optim.RadiusWarning, match="cannot move") as caught:
        lets.optimizer("lets-sam", model, sgd(model), total_steps=3)
    assert line_of(caught) == 'lets.optimizer("lets-sam", model, sgd(model), total_steps=3)'
    loop = Loop("gsam")
    loop.optimizer.param_groups[0]["lr"] *= 2
    with pytest.warns(lets.optim.RadiusWarning, match="lr_max") as caught:
        loop.optimizer.step(loop.closure(0))
    assert line_of(caught) == "loop.optimizer.step(loop.closure(0))"
    method = lets.create("gsam", model, base := sgd(model))
    base.param_groups[0]["lr"] *= 2
    with pytest.warns(lets.optim.RadiusWarning, match="lr_max") as caught:
        print(method.rho)
    assert line_of(caught) == "print(method.rho)"


def test_autocast_inside_the_closure_is_that_inside_a_loss_function() -> None:
    loop, model = Loop("sam"), network()
    method = lets.create("sam", model, sgd(model))

    def loss(model: nn.Module) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return cross_entropy(model(INPUTS[0]).float(), TARGETS[0])

    def closure() -> Tensor:
        value = loss(loop.model)
        value.backward()
        return value

    for _ in range(2):
        loop.optimizer.step(closure)
        method.step(lambda _: loss(model), INPUTS[0])
    assert same([*loop.model.state_dict().values()], [*model.state_dict().values()])


Wrap = Callable[[nn.Module], nn.Module]


def trained(
    name: str, wrap: Wrap, part: slice, broken: bool = False, width: int = 5, **settings: object
) -> list[Tensor]:
    """Train on a part of each batch, in float64 and without BatchNorm, whose statistics are those of the part.

    Gradients are clipped, and the model is evaluated between steps. `broken`: a new optimizer goes on with the state.
    """

    def made() -> MethodOptimizer:
        given = {"rho_lr": 0.1} if "lets" in name else {}
        return lets.optimizer(name, model, sgd(model), total_steps=STEPS, **given, **settings)

    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = wrap(nn.Sequential(nn.Linear(8, width), nn.Tanh(), nn.Linear(width, 3)).double())
    optimizer = made()

    def closure_of(index: int) -> Closure:
        def closure() -> Tensor:
            loss = cross_entropy(model(INPUTS[index][part].double()), TARGETS[index][part])
            loss.backward()
            nn.utils.clip_grad_norm_(parameters_of(optimizer), 0.5)
            return loss

        return closure

    for index in range(STEPS):
        with torch.no_grad():
            model(INPUTS[index][part].double())
        if broken and index == 3:
            state = optimizer.state_dict()
            optimizer = made()
            optimizer.load_state_dict(state)
        optimizer.step(closure_of(index), closure_of(index + 1) if "lets" in name else None)
    rho = torch.tensor(optimizer.rho, dtype=torch.float64)
    return [*(spread.whole(p.detach()) for p in parameters_of(optimizer)), rho]


def parameters_of(optimizer: MethodOptimizer) -> list[Tensor]:
    """What is optimized; the parameters of a model of FSDP2 may be others, gathered from these."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def sharded(*shape: int, **settings: bool) -> Wrap:
    """FSDP2 over a mesh of this shape; the rows of the network's tensors do not divide evenly."""

    def wrap(model: nn.Module) -> nn.Module:
        mesh = init_device_mesh("cpu", shape, mesh_dim_names=("copies", "shards")[-len(shape) :])
        for module in (model[0], model[2], model):
            fully_shard(module, mesh=mesh, **settings)
        return model

    return wrap


def tensor_parallel(model: nn.Module) -> nn.Module:
    plan = {"0": ColwiseParallel(), "2": RowwiseParallel()}
    return parallelize_module(model, init_device_mesh("cpu", (2,)), plan)


def never_resharded(model: nn.Module) -> nn.Module:
    model = sharded(2, reshard_after_forward=False)(model)
    model.set_reshard_after_backward(False)
    return model


def refused(call: Callable[[], object]) -> str:
    try:
        call()
    except (ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def create_sharded(**settings: object) -> object:
    model = nn.Sequential(nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3))
    before, make = sgd(model), settings.pop("make", lets.optimizer)
    model = settings.pop("wrap", sharded(2))(model)
    base = before if settings.pop("late", False) else sgd(model)
    return make(settings.pop("name", "sam"), model, base, **settings)


REFUSED = {
    "asam_norm='elementwise'": {"name": "asam", "asam_norm": "filterwise"},
    "scope='global'": {"name": "looksam", "scope": "per-tensor"},
    "leave it out": {"data_parallel": "synchronized"},
    "method.step(loss_fn, batch)": {"name": "esam"},
    "lets.optimizer(...), which takes closures": {"make": lets.create, "data_parallel": "per-rank"},
    "A model of fully_shard": {"wrap": partial(FullyShardedDataParallel, device_id=torch.device("cpu"))},
    "build it from model.parameters()": {"late": True},
}
TENSOR = "tensor parallel"
FEW = ("asam", "lets-looksam", "lets-ae-sam")
SHARDED = {
    "ddp": (DistributedDataParallel, NAMES),
    "ddp compiled": (lambda model: torch.compile(DistributedDataParallel(model), backend="eager"), FEW),
    "fsdp2": (sharded(2), NAMES),
    "fsdp2 resumed": (sharded(2), FEW),
    "replicated": (sharded(2, 1), FEW),
    "whole after backward": (never_resharded, FEW),
    TENSOR: (tensor_parallel, FEW),
}


def width_of(kind: str) -> int:
    """Tensor parallelism must divide evenly."""
    return 6 if kind == TENSOR else 5


def one_of_two(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    half = slice(16 * rank, 16 * (rank + 1))
    ends = {
        (kind, name): trained(
            name,
            wrap,
            slice(None) if kind == TENSOR else half,
            broken="resumed" in kind,
            width=width_of(kind),
        )
        for kind, (wrap, names) in SHARDED.items()
        for name in names
    }
    told = {why: refused(lambda given=given: create_sharded(**given)) for why, given in REFUSED.items()}
    unsaid = refused(lambda: Loop("sam"))
    torch.save((ends, told, unsaid), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict, dict, str]]:
    folder = tmp_path_factory.mktemp("ranks")
    both = [subprocess.Popen([sys.executable, __file__, str(rank), folder]) for rank in (0, 1)]
    assert [process.wait(240) for process in both] == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.filterwarnings("ignore::lets.optim.RadiusWarning")
@pytest.mark.parametrize("kind", SHARDED)
def test_two_processes_are_one_on_the_whole_batch(kind: str, ranks: list) -> None:
    (first, *_), (second, *_) = ranks
    for name in SHARDED[kind][1]:
        assert same(first[kind, name], second[kind, name])
        alone = trained(name, lambda model: model, slice(None), width=width_of(kind))
        for ours, single in zip(first[kind, name], alone, strict=True):
            torch.testing.assert_close(
                ours, single, rtol=1e-12, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}"
            )


@pytest.mark.parametrize("remedy", REFUSED)
def test_what_needs_whole_tensors_is_refused_with_the_way_out(remedy: str, ranks: list) -> None:
    for _, told, _ in ranks:
        assert remedy in told[remedy]


def test_who_averages_must_be_said(ranks: list) -> None:
    for *_, unsaid in ranks:
        assert unsaid.startswith(
            "ValueError: torch.distributed runs 2 processes; give data_parallel='averaged' if"
        )


if __name__ == "__main__":
    one_of_two(int(sys.argv[1]), Path(sys.argv[2]))
