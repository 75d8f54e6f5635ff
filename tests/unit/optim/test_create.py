"""What `create` refuses or warns of, with the way out; and that it accepts what it can be right about."""

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn

import lets
from lets.errors import RadiusWarning

SAM = ["sam", "lets-asam", "esam"]


@pytest.fixture(autouse=True)
def global_rng_untouched():
    """The models of this file draw their weights."""
    with torch.random.fork_rng(devices=[]):
        yield


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr)


def complex_weight():
    model = nn.Module()
    model.weight = nn.Parameter(torch.ones(2, 2, dtype=torch.complex64))
    return model


def expanded_weight():
    model = nn.Module()
    model.weight = nn.Parameter(torch.ones(()).expand(2, 2))
    return model


def lazy_norm():
    return nn.Sequential(nn.LazyInstanceNorm1d(track_running_stats=True), nn.Linear(2, 2))


def sparse_bag():
    return nn.ModuleDict({"words": nn.EmbeddingBag(5, 2, sparse=True), "head": nn.Linear(2, 2)})


class DTensorLike(nn.Parameter):
    """What tensor parallelism and FSDP2 make of a parameter, as far as it is looked at."""

    placements = ("Shard(0)",)

    def to_local(self):
        return self


def distributed():
    model = nn.Linear(2, 2)
    model.weight = DTensorLike(model.weight.data)
    return model


@pytest.mark.parametrize("name", SAM)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (complex_weight, r"'weight' is complex.*view_as_real"),
        (expanded_weight, r"'weight' has several entries in one place.*contiguous"),
        (lambda: nn.Sequential(nn.LazyLinear(2)), r"'0.weight'.* has no shape yet; call model\(batch\) once"),
        (lazy_norm, r"'0' has no shape yet; call model\(batch\) once"),
        (
            lambda: nn.Sequential(nn.Embedding(5, 2, sparse=True)),
            r"'0' is an Embedding with sparse=True.*sparse=False",
        ),
        (sparse_bag, r"'words' is an EmbeddingBag with sparse=True.*sparse=False"),
        (distributed, r"'weight' is a DTensor.*make the method by lets\.optimizer\("),
    ],
)
def test_parameters_that_a_method_cannot_be_right_about(name, make, words):
    model = make()
    with pytest.raises((ValueError, TypeError), match=words):
        lets.create(name, model, sgd(model))


@pytest.mark.parametrize("name", SAM)
def test_the_way_out_of_complex_parameters_is_right(name):
    """A complex network kept as real parameters takes the step of the same network written with real numbers."""
    model = complex_weight()
    start = torch.randn(2, 2, 2, generator=torch.Generator().manual_seed(0))
    model.weight = nn.Parameter(start.clone())
    method = lets.create(name, model, sgd(model), rho=0.1)
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
    method.step(lambda b: (b.cfloat() @ torch.view_as_complex(model.weight)).abs().sum(1), x, x + 1)
    assert not torch.equal(model.weight, start)


def test_frozen_parameters_of_any_kind_are_accepted(network, draw):
    model = network(0)
    model.table = nn.Parameter(torch.arange(4, dtype=torch.int8), requires_grad=False)
    model.phase = nn.Parameter(torch.ones(3, dtype=torch.complex64), requires_grad=False)
    method = lets.create("sam", model, sgd(model))
    method.step(model, draw(0))
    assert torch.equal(model.table, torch.arange(4, dtype=torch.int8))


def test_a_sparse_gradient_that_no_module_announces(draw):
    model = nn.Module()
    model.table, model.head = nn.Parameter(torch.ones(5, 4)), nn.Linear(4, 3)
    method = lets.create("sam", model, sgd(model))
    before = copy.deepcopy(model.state_dict())

    def loss_fn(batch):
        words = nn.functional.embedding(batch % 5, model.table, sparse=True)
        return model.head(words).square().sum(1)

    with pytest.raises(ValueError, match=r"'table' has a sparse gradient"):
        method.step(loss_fn, torch.arange(8))
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


@pytest.mark.parametrize("name", lets.methods())
def test_a_reentrant_checkpoint(name):
    """Behind frozen embeddings it hides its parameters from `torch.autograd.grad`; the other kind trains them."""
    words, labels = torch.arange(8), torch.arange(8) % 2

    def take(reentrant):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.ModuleDict(
                {
                    "words": nn.Embedding(8, 4).requires_grad_(False),
                    "layer": nn.Linear(4, 4),
                    "head": nn.Linear(4, 2),
                }
            )

        def loss_fn(batch):
            x = model["words"](batch[0]).requires_grad_()
            x = torch.utils.checkpoint.checkpoint(model["layer"], x, use_reentrant=reentrant)
            return nn.functional.cross_entropy(model["head"](x), batch[1], reduction="none")

        before = model["layer"].weight.detach().clone()
        method = lets.create(name, model, sgd(model), total_steps=3)
        method.step(loss_fn, (words, labels), (words, labels))
        return not torch.equal(before, model["layer"].weight)

    with pytest.raises(
        ValueError, match=r"'layer.weight', 'layer.bias' got no gradient.*use_reentrant=False"
    ):
        take(True)
    assert take(False)


class Accelerated(torch.optim.SGD):
    """The optimizer that accelerate makes, as far as it is looked at."""

    scaler = None

    class gradient_state:
        sync_gradients = True


@pytest.mark.parametrize("name", lets.methods())
def test_a_framework_that_accumulates_is_refused_while_it_does(name, network, draw):
    model = network(0)
    optimizer = Accelerated(model.parameters(), lr=0.1)
    optimizer.gradient_state = Accelerated.gradient_state()
    method = lets.create(name, model, optimizer, total_steps=3)
    method.step(model, draw(0), draw(1))
    before = copy.deepcopy((model.state_dict(), method.rho))
    optimizer.gradient_state.sync_gradients = False
    with pytest.raises(ValueError, match=r"accumulating gradients.*micro_batches"):
        method.step(model, draw(0), draw(1))
    assert all(torch.equal(before[0][k], v) for k, v in model.state_dict().items())
    assert method.rho == before[1]


def test_a_gradient_scaler_is_refused(network):
    model = network(0)
    optimizer = Accelerated(model.parameters(), lr=0.1)
    optimizer.scaler = object()
    with pytest.raises(ValueError, match="bfloat16"):
        lets.create("sam", model, optimizer)


@pytest.mark.parametrize("spoil", [lambda group: group.update(lr=None), lambda group: group.pop("lr")])
def test_a_base_optimizer_without_a_rate(spoil, network, draw):
    """Adafactor with relative_step=True; methods that read no rate take it."""
    for name, given, accepted in [
        ("sam", {}, True),
        ("gsam", {}, False),
        ("lets-sam", {}, False),
        ("lets-sam", {"include_lr": False}, True),
    ]:
        model = network(0)
        optimizer = sgd(model)
        spoil(optimizer.param_groups[0])
        if accepted:
            assert lets.create(name, model, optimizer, **given).rho == 0.05
            continue
        with pytest.raises(ValueError, match=rf"{name} reads the learning rate.*SGD\(\.\.\., lr=1e-3\)"):
            lets.create(name, model, optimizer, **given)


def schedules():
    warm_up = lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: min(1.0, (t + 1) / 10))  # noqa: E731
    one_cycle = lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=0.4, total_steps=10)  # noqa: E731
    linear = lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 5)  # noqa: E731
    return [(warm_up, 0.1), (one_cycle, 0.4), (linear, 0.1)]


@pytest.mark.parametrize(("schedule", "highest"), schedules())
def test_gsam_knows_the_largest_rate_of_a_scheduler_made_before(schedule, highest, network, draw):
    """The line of methods.md §6 at every rate of the schedule; made after the method as well, with lr_max."""
    for before in (True, False):
        model = network(0)
        optimizer = sgd(model)
        made = schedule(optimizer) if before else None
        given = {} if before else {"lr_max": highest}
        method = lets.create("gsam", model, optimizer, rho=0.2, rho_min=0.1, **given)
        scheduler = made or schedule(optimizer)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for t in range(9):
                rate = optimizer.param_groups[0]["lr"]
                assert method.step(model, draw(t)).rho == pytest.approx(0.1 + 0.1 * rate / highest, rel=1e-12)
                scheduler.step()


def test_gsam_warns_once_of_a_rate_above_the_largest(network, draw):
    model = network(0)
    optimizer = sgd(model)
    method = lets.create("gsam", model, optimizer)
    optimizer.param_groups[0]["lr"] = 0.5
    with pytest.warns(RadiusWarning, match=r"0\.5 is above 0\.1.*lr_max=0\.5") as seen:
        method.step(model, draw(0)), method.step(model, draw(1))
    assert len(seen) == 1


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "0.1", True])
def test_a_bad_largest_rate(bad, network):
    model = network(0)
    with pytest.raises(ValueError, match="lr_max"):
        lets.create("gsam", model, sgd(model), lr_max=bad)
    with pytest.raises(ValueError, match="lr_max belongs to gsam, not to sam"):
        lets.create("sam", model, sgd(model), lr_max=0.1)


STILL = [
    ("lets-sam", 100, {}),
    ("lets-sam", 1000, {"rho_every": 10}),
    ("lets-rst", 190, {"p": 0.5}),
    ("lets-looksam", 490, {"k": 5}),
    ("lets-asam", 100, {"parametrization": "raw", "rho": 1.0}),
    ("lets-sam", 78_200, {"preset": "paper-literal"}),
    ("lets-sam", 500, {"preset": "paper-literal", "rho_lr": 1e-2}),
]


@pytest.mark.parametrize(("name", "steps", "given"), STILL)
def test_a_radius_that_cannot_move_is_warned_of_and_the_named_value_moves_it(name, steps, given, network):
    model = network(0)
    with pytest.warns(RadiusWarning, match=rf"{name} cannot move by 1 % in {steps} steps") as seen:
        lets.create(name, model, sgd(model), total_steps=steps, **given)
    named = float(str(seen[0].message).partition("rho_lr=")[2].split()[0])
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lets.create(name, model, sgd(model), total_steps=steps, **{**given, "rho_lr": named})


@pytest.mark.parametrize(
    ("name", "steps", "given"),
    [
        ("lets-sam", None, {}),
        ("lets-sam", 78_200, {}),
        ("lets-sam", 100, {"rho_lr": 1e-2}),
        ("lets-sam", 100, {"rho_lr": 0}),
        ("lets-sam", 100, {"parametrization": "raw"}),
        ("sam", 100, {}),
    ],
)
def test_no_warning_where_there_is_nothing_to_warn_of(name, steps, given, network):
    model = network(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lets.create(name, model, sgd(model), total_steps=steps, **given)


def test_what_a_warning_says_comes_true(network, draw):
    """With the defaults the radius is within 1 % of its start after 100 steps; with the named value it is not."""
    ends = []
    for given in ({}, {"rho_lr": 6.9e-3}):
        model = network(0)
        method = lets.create("lets-sam", model, sgd(model), total_steps=100, **given)
        for t in range(100):
            method.step(model, draw(t), draw(1000 + t))
        ends.append(abs(method.rho / 0.05 - 1))
    assert ends[0] < 0.0101 < ends[1]


def other_shapes(state):
    with torch.random.fork_rng(devices=[]):
        model = nn.Linear(3, 3)
    return lets.create("lets-looksam", model, torch.optim.Adam(model.parameters())).state_dict()


def without(*path):
    def change(state):
        inner = state
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        return state

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_shapes, "shapes"),
        (without("radius"), "'radius' is missing"),
        (without("radius", "variable"), "'variable' is missing"),
        (without("base_optimizer"), "'base_optimizer' is missing"),
        (without("steps"), "'steps' is missing"),
        (without("base_optimizer", "param_groups"), "'param_groups' is missing"),
        (lambda state: {**state, "descent": 3}, "does not fit"),
        (lambda state: {**state, "base_optimizer": {"state": {}, "param_groups": []}}, "does not fit"),
        (lambda state: {}, "of None"),
        (lambda state: [state], "is a list"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, words, network, draw):
    model = network(0)
    method = lets.create("lets-looksam", model, torch.optim.Adam(model.parameters()), k=2)
    for t in range(2):
        method.step(model, draw(t), draw(50 + t))
    before, bad = str(method.state_dict()), change(method.state_dict())
    with pytest.raises((ValueError, TypeError), match=words):
        method.load_state_dict(bad)
    assert str(method.state_dict()) == before
    method.step(model, draw(2), draw(52))


@pytest.mark.parametrize("name", [name for name in lets.methods() if "esam" not in name])
def test_one_number_is_the_mean_of_the_losses(name, network, draw):
    """Bit for bit what the losses of the samples give, where their mean is taken alike."""
    ends = []
    for mean in (lambda x: x, lambda x: torch.dot(x, torch.full_like(x, 1 / len(x)))):
        model = network(0)
        method = lets.create(name, model, sgd(model), total_steps=3)
        stats = [method.step(lambda b: mean(model(b)), draw(t), draw(t + 1)).numbers() for t in range(3)]  # noqa: B023
        ends.append((stats, torch.cat([p.detach().flatten() for p in model.parameters()])))
    assert ends[0][0] == ends[1][0]
    assert torch.equal(ends[0][1], ends[1][1])


def test_a_weighted_mean_climbs_along_its_own_gradient(network, draw):
    """Tokens that are ignored, as in language models; SAM by hand with torch's own mean."""

    def loss(model, batch) -> Tensor:
        logits = model.last(torch.tanh(model.first(batch[0])))
        return nn.functional.cross_entropy(
            logits, batch[1], weight=torch.tensor([1.0, 2, 5]).double(), ignore_index=0
        )

    model, twin = network(0), network(0)
    lets.create("sam", model, sgd(model), rho=0.3).step(lambda b: loss(model, b), draw(0))
    parameters = list(twin.parameters())
    gradient = torch.autograd.grad(loss(twin, draw(0)), parameters)
    norm, start = torch.cat([g.flatten() for g in gradient]).norm(), copy.deepcopy(parameters)
    with torch.no_grad():
        for p, g in zip(parameters, gradient, strict=True):
            p += 0.3 * g / norm
    there = torch.autograd.grad(loss(twin, draw(0)), parameters)
    for p, s, g in zip(model.parameters(), start, there, strict=True):
        torch.testing.assert_close(p, s - 0.1 * g, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "given"), [("esam", {}), ("lets-esam", {}), ("sam", {"micro_batches": 2})])
def test_one_number_is_refused_where_samples_are_needed(name, given, network, draw):
    model = network(0)
    method = lets.create(name, model, sgd(model), **given)
    with pytest.raises(ValueError, match=r"returned one number.*one loss per sample, shape \("):
        method.step(lambda b: model(b).mean(), draw(0), draw(1))
