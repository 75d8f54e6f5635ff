"""Two gloo processes that train together, against one process and against straight lines in float64.

Run as a script this file is one of the two processes; the tests start both once and look at what they left.
"""

import io
import os
import subprocess
import sys
from math import e, exp, log
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call, jvp

import lets
from lets.optim.undo import Guard

STEPS, SIZES = 9, (5, 3)
LR, MOMENTUM, DECAY, RHO, RHO_LR = 0.3, 0.9, 0.01, 0.2, 0.05
GIVEN = {"rho": RHO, "seed": 3, "k": 3, "rho_lr": RHO_LR, "rho_optimizer": "sgd"}
METHODS, MODES = lets.methods(), ("per-rank", "synchronized")
# ESAM's sharp samples are chosen on each rank, so it is only with all of them that one process does the same.
WHOLE = [(name, {"gamma": 1.0} if name.endswith("esam") else {}) for name in METHODS]
HESSIANS = [
    ("lets-sam", {"hessian": "diagonal", "direction": "derivation"}),
    ("lets-sam", {"hessian": "finite-difference"}),
    ("lets-sam", {"hessian": "exact", "direction": "derivation"}),
    ("lets-asam", {"hessian": "exact", "direction": "algorithm"}),
    ("lets-gsam", {"hessian": "exact"}),
]
WITH_MICRO_BATCHES = [("lets-sam", {"micro_batches": 2}), ("gsam", {"micro_batches": 2})]
PLAIN = [(name, {}) for name in METHODS]


class Sign(lets.Ascent):
    """An ascent of one's own, which looks at the gradients of all ranks tensor by tensor."""

    def at(self, weights):
        return lambda gradient: gradient.map(torch.sign)

    def __repr__(self):
        return "Sign"  # in keys, alike on all ranks


OWN = [("sam", {"ascent": Sign()}), ("lets-sam", {"ascent": Sign()})]
DIVERGING = [
    ("erm", 1),
    ("sam", 1),
    ("sam", 2),
    ("ae-sam", 1),
    ("lets-sam", 2),
    ("lets-sam", 3),
    ("lets-gsam", 4),
]


class Network(nn.Module):
    def __init__(self, seed=1):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            self.first = nn.Linear(4, 6, dtype=torch.float64)
            self.last = nn.Linear(6, 3, dtype=torch.float64)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.5)

    def forward(self, batch):
        logits = self.last(torch.tanh(self.first(batch[0])))
        return nn.functional.cross_entropy(logits, batch[1], reduction="none")


def whole(seed):
    generator = torch.Generator().manual_seed(1000 + seed)
    inputs = torch.randn(sum(SIZES), 4, generator=generator, dtype=torch.float64)
    return inputs, torch.randint(0, 3, (sum(SIZES),), generator=generator)


def part(seed, rank):
    return tuple(x.split(SIZES)[rank] for x in whole(seed))


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def make(name, model, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    known = lets.describe(name).hyperparameters
    given = {k: v for k, v in GIVEN.items() if k in known} | options
    return lets.create(name, model, optimizer, total_steps=STEPS, **given)


def train(method, model, batches, validations, steps=range(STEPS)):
    """What every step left: weights, radius, loss, passes, whether it perturbed."""
    trace = []
    for t in steps:
        method._base_optimizer.param_groups[0]["lr"] = LR * (1 - t / 20)
        stats = method.step(model, batches[t], validations[t])
        trace.append((flat(model), method.rho, stats.loss.item(), stats.passes, stats.perturbed))
    return trace


def key(name, options, mode):
    return f"{name} {sorted(options.items())} {mode}"


# ---- one of the two processes ----------------------------------------------------------------------------


def process(rank, folder):
    """Run everything on this rank and leave the results in a file."""
    import torch.distributed as dist

    dist.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    batches = [part(t, rank) for t in range(STEPS + 1)]
    validations = [part(50 + t, rank) for t in range(STEPS)]
    results = {}
    esam = [(name, options) for name, options in WHOLE if options]
    for name, options in [*PLAIN, *esam, *HESSIANS, *WITH_MICRO_BATCHES, *OWN]:
        for mode in MODES:
            model = Network()
            method = make(name, model, data_parallel=mode, **options)
            results[key(name, options, mode)] = train(method, model, batches, validations)
    results["reuse"] = [(mode, next_batch_validates(mode, batches)) for mode in MODES]
    results["reductions"] = [count_reductions(name, batches, validations) for name in ("sam", "lets-sam")]
    results["resumed"] = [resume(mode, batches, validations) for mode in MODES]
    results["diverged"] = [
        diverge(name, at, mode, late, rank, batches, validations)
        for name, at in DIVERGING
        for mode in MODES
        for late in (False, True)
    ]
    results["start"] = start(rank)
    results["unused"] = [unused(mode, rank) for mode in MODES]
    results["alone"] = alone(rank, dist, batches, validations)
    results["refusals"] = refusals(rank, dist)
    torch.save(results, f"{folder}/results-{rank}.pt")
    dist.destroy_process_group()


def next_batch_validates(mode, batches):
    """A step validates on the batch that the next one trains on: the same object, and a copy of it."""
    traces = []
    for reuse in (True, False):
        model = Network()
        method = make("lets-sam", model, data_parallel=mode)
        validations = batches[1:] if reuse else [tuple(x.clone() for x in b) for b in batches[1:]]
        traces.append(train(method, model, batches, validations))
    return traces


def count_reductions(name, batches, validations):
    import torch.distributed as dist

    calls, original = [], dist.all_reduce
    dist.all_reduce = lambda *given, **named: calls.append(1) or original(*given, **named)
    try:
        model = Network()
        train(make(name, model, data_parallel="per-rank"), model, batches, validations, steps=range(1))
    finally:
        dist.all_reduce = original
    return len(calls)


def resume(mode, batches, validations):
    """Unbroken, and resumed from a file after four steps; RST draws, ESAM masks, and the radius learns."""
    ends = []
    for name in ("lets-rst", "lets-esam", "ae-looksam"):
        model = Network()
        method = make(name, model, data_parallel=mode)
        train(method, model, batches, validations, range(4))
        file, weights = io.BytesIO(), {n: p.clone() for n, p in model.state_dict().items()}
        torch.save(method.state_dict(), file)
        unbroken = train(method, model, batches, validations, range(4, STEPS))
        again = Network(seed=8)
        resumed = make(name, again, data_parallel=mode)
        again.load_state_dict(weights)
        resumed.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
        ends.append((unbroken, train(resumed, again, batches, validations, range(4, STEPS)), file.getvalue()))
    return ends


def diverge(name, at, mode, late, rank, batches, validations):
    """Rank 1 meets a NaN in pass `at` of step 1: the error, and whether the weights were restored."""
    model, calls = Network(), 0
    method = make(name, model, data_parallel=mode)
    method._guard = Guard(late=late)
    train(method, model, batches, validations, range(1))
    before = flat(model)

    def loss_fn(batch):
        nonlocal calls
        calls += 1
        return model(batch) * (float("nan") if rank == 1 and calls == at else 1.0)

    try:
        method.step(loss_fn, batches[1], validations[1])
        method.end_epoch()
    except lets.DivergenceError as error:
        return str(error), torch.equal(before, flat(model))
    return "no error", False


def start(rank):
    """Weights and buffers after `create`, from different ones on each rank, in any memory format."""
    torch.manual_seed(rank)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).to(memory_format=torch.channels_last)
    model(torch.randn(4, 2, 5, 5))
    before = [x.clone() for x in model.state_dict().values()]
    make("sam", model, data_parallel="per-rank")
    return before, list(model.state_dict().values())


class PartlyUsed(nn.Module):
    """`some` takes part in the loss of rank 0 only, `unused` in none."""

    def __init__(self):
        super().__init__()
        for name, value in (("unused", 3.0), ("all", 1.0), ("some", 2.0)):
            setattr(self, name, nn.Parameter(torch.full((2,), value, dtype=torch.float64)))

    def loss(self, inputs, rank):
        losses = ((inputs @ self.all) ** 2).tanh()
        return losses + (inputs @ self.some).sin() if rank == 0 else losses


def unused(mode, rank):
    model = PartlyUsed()
    method = make("sam", model, data_parallel=mode)
    for t in range(3):
        method.step(lambda inputs: model.loss(inputs, rank), whole(t)[0].split(SIZES)[rank][:, :2])
    return flat(model), model.unused.grad is None


def alone(rank, dist, batches, validations):
    """A group of one process, and processes that share nothing."""
    groups = [dist.new_group([r]) for r in range(2)]
    traces = []
    for options in ({"data_parallel": "per-rank", "process_group": groups[rank]}, {"data_parallel": "off"}):
        model = Network()
        method = make("lets-sam", model, **options)
        traces.append(train(method, model, batches, validations, range(3)))
    return traces


def refusals(rank, dist):
    """The messages of what must not be."""
    wrapped = nn.parallel.DistributedDataParallel(Network())
    only_first = dist.new_group([0])
    attempts = {
        "omitted": lambda: make("sam", Network()),
        "seeds": lambda: make("rst", Network(), data_parallel="per-rank", seed=rank),
        "methods": lambda: make(("sam", "erm")[rank], Network(), data_parallel="per-rank"),
        "modes": lambda: make("sam", Network(), data_parallel=MODES[rank]),
        "shapes": lambda: make("sam", nn.Linear(2, 2 + rank), data_parallel="per-rank"),
        "wrapped": lambda: make("sam", wrapped, data_parallel="per-rank"),
        "wrapped inside": lambda: make("sam", nn.Sequential(wrapped)),
        "not in the group": lambda: make(
            "sam", Network(), data_parallel="per-rank", process_group=only_first
        ),
    }
    messages = {}
    for what, attempt in attempts.items():
        try:
            attempt()
        except (ValueError, TypeError) as error:
            messages[what] = f"{type(error).__name__}: {error}"
    return messages


# ---- the tests -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """The results of both processes."""
    folder = tmp_path_factory.mktemp("ranks")
    environment = os.environ | {"PYTHONPATH": str(Path(lets.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__]
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(folder)], env=environment, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        errors = [p.communicate(timeout=60)[1] for p in processes]
    finally:
        for p in processes:
            p.kill()
    assert [p.returncode for p in processes] == [0, 0], "\n".join(errors)
    return [torch.load(folder / f"results-{rank}.pt", weights_only=False) for rank in range(2)]


def assert_same(trace, expected, tolerance):
    for got, want in zip(trace, expected, strict=True):
        torch.testing.assert_close(got[0], want[0], rtol=tolerance, atol=tolerance)
        assert got[1:3] == pytest.approx(want[1:3], rel=tolerance)
        assert got[3:] == want[3:]


def identical(a, b):
    return all(torch.equal(x[0], y[0]) and x[1:] == y[1:] for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "options"), [*PLAIN, *HESSIANS, *WITH_MICRO_BATCHES, *OWN])
def test_all_ranks_take_the_same_steps(name, options, mode, ranks):
    first, second = (results[key(name, options, mode)] for results in ranks)
    assert identical(first, second)


@pytest.mark.parametrize(("name", "options"), [*WHOLE, *HESSIANS, *WITH_MICRO_BATCHES, *OWN])
def test_synchronized_is_one_process_on_the_whole_batch(name, options, ranks):
    model = Network()
    batches, validations = [whole(t) for t in range(STEPS)], [whole(50 + t) for t in range(STEPS)]
    expected = train(make(name, model, **options), model, batches, validations)
    assert_same(ranks[0][key(name, options, "synchronized")], expected, 1e-12)


class Flat:
    """The loss of the network as a function of one vector, on both parts of a batch and on average."""

    def __init__(self, model):
        self.model, self.theta = model, flat(model)
        self.shapes = [(n, p.shape, p.numel()) for n, p in model.named_parameters()]
        self.weights = torch.cat([torch.full((c,), "weight" in n) for n, _, c in self.shapes])

    def losses(self, theta, batch):
        pieces = torch.split(theta, [c for _, _, c in self.shapes])
        named = {n: p.view(s) for (n, s, _), p in zip(self.shapes, pieces, strict=True)}
        return functional_call(self.model, named, (batch,))

    def gradient(self, theta, batch):
        return torch.func.grad(lambda x: self.losses(x, batch).mean())(theta)

    def curvature(self, theta, batch, along):
        return jvp(lambda x: self.gradient(x, batch), (theta,), (along,))[1]


def mean(values, sizes):
    return sum(n * v for n, v in zip(sizes, values, strict=True)) / sum(sizes)


def straight_line(name, net, options, synchronized):  # noqa: C901, PLR0915 (straight lines are the point)
    """Weights, radius, loss and decision of both ranks, from the definition."""
    base, theta, rho, velocity = name.removeprefix("lets-"), net.theta, RHO, 0.0
    hessian = options.get("hessian", "diagonal")
    derived = options.get("direction", "algorithm" if hessian == "diagonal" else "derivation") == "derivation"
    coin = torch.Generator().manual_seed(3)
    mask = torch.ones_like(theta, dtype=torch.bool)
    average, variance, stored, trace = 0.0, e**-10, None, []
    low, high = (0.0, 2.0) if base == "ae-looksam" else (-1.0, 1.0)
    for t in range(STEPS):
        parts, lr = [part(t, rank) for rank in range(2)], LR * (1 - t / 20)
        before = [net.losses(theta, p) for p in parts]
        local = [net.gradient(theta, p) for p in parts]
        g = mean(local, SIZES)
        if base == "rst":
            perturb = torch.rand((), generator=coin).item() < 0.5
        elif base == "looksam":
            perturb = t % 3 == 0
        elif base.startswith("ae-"):
            n = g.dot(g).item()
            average = 0.9 * average + 0.1 * n
            variance = 0.9 * variance + 0.1 * (n - average) ** 2
            perturb = n >= average + (t / STEPS * low + (1 - t / STEPS) * high) * variance**0.5
        else:
            perturb = base != "erm"
        scale = torch.where(net.weights, theta.abs() + 0.01, 1.0)

        def direction(v, scale=scale, mask=mask):
            if base == "asam":
                return scale**2 * v / (scale * v).norm()
            if base == "esam":
                return v * mask / (v * mask).norm() / 0.6
            return v / v.norm()

        radius = rho if name != "gsam" else RHO / 2 + RHO / 2 * lr / LR
        final = g
        if perturb:
            climbs = [direction(g) if synchronized else direction(own) for own in local]
            points = [theta + radius * climb for climb in climbs]
            chosen = parts
            if base == "esam":
                rises = [net.losses(x, p) - b for x, p, b in zip(points, parts, before, strict=True)]
                cuts = [r.sort(descending=True).values[int(0.5 * len(r)) - 1] for r in rises]
                chosen = [tuple(x[r >= cut] for x in p) for p, r, cut in zip(parts, rises, cuts, strict=True)]
            there = [net.gradient(x, p) for x, p in zip(points, chosen, strict=True)]
            gp = mean(there, [len(p[0]) for p in chosen])

            def descent(gp, g=g):
                if base != "gsam":
                    return gp
                return gp - 0.4 * (g - g.dot(gp) / gp.dot(gp) * gp)

            final = descent(gp)
            if base.endswith("looksam"):
                stored = gp - gp.dot(g) / g.dot(g) * g
        elif base.endswith("looksam") and stored is not None:
            final = g + 0.7 * g.norm() / stored.norm() * stored
        velocity = MOMENTUM * velocity + final + DECAY * theta
        theta = theta - lr * velocity
        if perturb and name != base:
            trains, validates = parts, [part(50 + t, rank) for rank in range(2)]
            l_tr, l_vl = (
                mean([net.losses(theta, p).mean() for p in ps], SIZES) for ps in (trains, validates)
            )
            g_tr, g_vl = (mean([net.gradient(theta, p) for p in ps], SIZES) for ps in (trains, validates))
            along = climbs if derived else [direction(g_tr)] * 2
            if hessian == "exact":
                change = mean([net.curvature(*x) for x in zip(points, parts, along, strict=True)], SIZES)
            elif hessian == "diagonal":
                change = gp**2 * mean(along, SIZES)
            else:
                change = (gp - g) / rho
            _, g_b = jvp(descent, (gp,), (change,))
            g_rho = -(l_vl - l_tr) * (g_vl - g_tr).dot(g_b)
            rho = exp(log(rho) - RHO_LR * rho * lr * g_rho.item())
        if base == "esam":
            mask = torch.rand(len(net.shapes), generator=coin) < 0.6
            mask = torch.cat(
                [torch.full((c,), bool(m)) for m, (_, _, c) in zip(mask, net.shapes, strict=True)]
            )
        loss = mean([b.mean() for b in before], SIZES).item()
        passes = (1 + perturb) if name == base or not perturb else 4 + (hessian == "exact")
        trace.append((theta, rho, loss, passes, perturb))
    return trace


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "options"), [*PLAIN, *HESSIANS])
def test_both_modes_follow_their_definition(name, options, mode, ranks):
    expected = straight_line(name, Flat(Network()), options, mode == "synchronized")
    got = ranks[0][key(name, options, mode)]
    if name == "gsam":  # its radius follows the learning rate; `method.rho` is then already the next one
        got = [(theta, RHO, *rest) for theta, _, *rest in got]
    if name == "erm":
        got = [(theta, RHO, *rest) for theta, _, *rest in got]
    assert_same(got, [(*step[:4], step[4]) for step in expected], 1e-9)
    if name.startswith("lets-"):
        assert got[-1][1] != RHO
    if name != "erm":
        other = MODES[mode == MODES[0]]
        assert not torch.allclose(got[-1][0], ranks[0][key(name, options, other)][-1][0], rtol=1e-6)


def test_reuse_saves_a_pass_and_changes_no_number(ranks):
    for results in ranks:
        for _, (reused, made_again) in results["reuse"]:
            assert [step[3] for step in reused] == [4] + [3] * (STEPS - 1)
            assert [step[3] for step in made_again] == [4] * STEPS
            assert identical([(*s[:3],) for s in reused], [(*s[:3],) for s in made_again])
    assert all(identical(a[1][0], b[1][0]) for a, b in zip(ranks[0]["reuse"], ranks[1]["reuse"], strict=True))


def test_one_reduction_a_pass_and_one_for_the_hypergradient(ranks):
    assert [results["reductions"] for results in ranks] == [[2, 5], [2, 5]]


def test_resumed_runs_end_with_the_same_bytes_and_any_rank_can_save(ranks):
    for mine, others in zip(*(results["resumed"] for results in ranks), strict=True):
        for (unbroken, resumed, saved), (_, _, saved_by_other) in zip(mine, others, strict=True):
            assert identical(unbroken, resumed)
            assert saved == saved_by_other


def test_divergence_on_one_rank_stops_all_alike(ranks):
    first, second = (results["diverged"] for results in ranks)
    assert first == second
    for message, restored in first:
        assert message.startswith("training diverged at step 1: ")
        assert restored


def test_all_ranks_start_as_rank_0(ranks):
    (first, kept), (second, taken) = (results["start"] for results in ranks)
    assert not any(torch.equal(a, b) for a, b in zip(first[:2], second[:2], strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first, kept, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first, taken, strict=True))


def test_a_parameter_that_only_some_ranks_use(ranks):
    model = PartlyUsed()
    method = make("sam", model)
    for t in range(3):
        first, second = whole(t)[0][:, :2].split(SIZES)
        loss_fn = lambda inputs: torch.cat([model.loss(x, r) for r, x in enumerate(inputs.split(SIZES))])  # noqa: E731
        method.step(loss_fn, torch.cat([first, second]))
    for mode in range(2):
        (mine, untouched), (others, _) = (results["unused"][mode] for results in ranks)
        assert torch.equal(mine, others)
        assert untouched
        assert mine[:2].tolist() == [3.0, 3.0], "no decay without a gradient"
    torch.testing.assert_close(mine, flat(model), rtol=1e-12, atol=1e-12)


def test_processes_that_train_alone(ranks):
    for rank, results in enumerate(ranks):
        model = Network()
        batches, validations = [part(t, rank) for t in range(3)], [part(50 + t, rank) for t in range(3)]
        expected = train(make("lets-sam", model), model, batches, validations, range(3))
        for trace in results["alone"]:
            assert identical(trace, expected)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("omitted", ["ValueError", "2 processes", "data_parallel='per-rank'", "'off'"]),
        ("seeds", ["ValueError", "different values of seed"]),
        ("methods", ["ValueError", "different values of method"]),
        ("modes", ["ValueError", "different values of data_parallel"]),
        ("shapes", ["ValueError", "different values of shapes of the weights"]),
        ("wrapped", ["TypeError", "ddp.module"]),
        ("wrapped inside", ["TypeError", "ddp.module"]),
    ],
)
def test_what_is_refused_on_all_ranks(what, words, ranks):
    for results in ranks:
        assert all(word in results["refusals"][what] for word in words), results["refusals"][what]


def test_a_process_outside_the_group_is_refused(ranks):
    assert "not in the group" not in ranks[0]["refusals"]
    assert "not in process_group" in ranks[1]["refusals"]["not in the group"]


@pytest.mark.parametrize(
    ("mode", "words"), [("per-rank", "not initialised"), ("ddp", "per-rank, synchronized")]
)
def test_what_one_process_is_refused(mode, words):
    with pytest.raises(ValueError, match=words):
        make("sam", Network(), data_parallel=mode)


if __name__ == "__main__":
    process(int(sys.argv[1]), sys.argv[2])
