"""Parts of a user's own: the steps they make against straight lines in float64, their state, what is refused."""

import copy
import io
import pickle
from math import exp, log

import pytest
import torch
from tests.unit.optim.test_trajectories import Flat

import lets

LR, RHO, RHO_LR, STEPS = 0.3, 0.05, 0.05, 9


class Sign(lets.Ascent):
    """The steepest direction in a box."""

    def at(self, weights):
        return lambda gradient: gradient.map(torch.sign)


class Relative(lets.Ascent):
    """The gradient times the squared weights at theta_t, each tensor at length 1."""

    def at(self, weights):
        theta = weights.theta()
        return lambda g: (g * theta * theta).map(lambda x: x / x.norm())


class EveryThird(lets.Policy):
    def perturbs(self, step, gradient):
        return step % 3 == 2


class Halfway(lets.Descent):
    """The mean of both gradients, the perturbed one at length 1."""

    def perturbed(self, clean, there):
        return (clean + there * (1 / there.norm())) * 0.5

    def response(self, clean, there):
        n = there.norm()
        return lambda change: (change * (1 / n) - there * (there.dot(change) / n**3)) * 0.5


class Falling(lets.Radius):
    """A radius for every epoch."""

    def __init__(self):
        self.epochs = 0

    def value(self):
        return RHO / (1 + self.epochs)

    def end_epoch(self):
        self.epochs += 1


class Sharpest(lets.Descent):
    """The gradient of the half of the batch with the largest losses at the perturbed weights."""

    def subset(self, batch, before, score):
        chosen = score().topk(len(before) // 2).indices.sort().values
        return tuple(x[chosen] for x in batch)

    def perturbed(self, clean, there):
        return there

    def response(self, clean, there):
        return lambda change: change


class Mean(lets.Descent):
    """A moving mean of the perturbed gradients; what it remembers changes in place."""

    def __init__(self):
        self.mean, self.steps = [], [0]

    def perturbed(self, clean, there):
        self.steps[0] += 1
        if not self.mean:
            self.mean = [torch.zeros_like(x) for x in there.parts()]
        for mean, x in zip(self.mean, there.parts(), strict=True):
            mean.mul_(0.9).add_(x)
        return there.like(self.mean)

    def state_dict(self):
        return {"mean": self.mean, "steps": self.steps}

    def load_state_dict(self, state):
        self.mean, self.steps = state["mean"], state["steps"]


def at_length_one(flat, vector):
    """Each tensor in a flat vector over its norm."""
    return torch.cat([x / x.pow(2).sum().sqrt() for x in torch.split(vector, [c for _, _, c in flat.shapes])])


def straight_line(flat, data, learned, part):
    """theta, and the radius it was reached with, after every step; `part` is the class that stands in for SAM's."""
    theta, rho = flat.theta, RHO
    for t, (batch, validation) in enumerate(data):
        _, g = flat.gradient(theta, batch)
        perturb = part is not EveryThird or t in (2, 5, 8)
        used = RHO / (1 + t) if part is Falling else rho

        def direction(v, theta=theta):
            if part is Sign:
                return v.sign()
            if part is Relative:
                return at_length_one(flat, v * theta**2)
            return v / v.norm()

        def descent(gp, g=g):
            return (g + gp / gp.norm()) / 2 if part is Halfway else gp

        gp = final = g
        if perturb:
            there, chosen = theta + used * direction(g), batch
            if part is Sharpest:
                losses = flat.losses(there, batch)
                chosen = tuple(x[losses > losses.median()] for x in batch)  # torch's median is the lower one
                assert len(chosen[0]) == 4
            gp = flat.gradient(there, chosen)[1]
            final = descent(gp)
        theta = theta - LR * final
        if perturb and learned:
            l_tr, g_tr = flat.gradient(theta, batch)
            l_vl, g_vl = flat.gradient(theta, validation)
            g_a = (l_vl.mean() - l_tr.mean()) * (g_vl - g_tr)
            _, g_b = torch.func.jvp(descent, (gp,), (gp**2 * direction(g_tr),))
            rho = exp(log(rho) - RHO_LR * rho * LR * -g_a.dot(g_b).item())
        yield theta, used, perturb


AXES = {Sign: "ascent", Relative: "ascent", EveryThird: "policy", Halfway: "descent", Sharpest: "descent"}
CASES = [
    *[(*case, learned) for case in AXES.items() for learned in (False, True)],
    (Falling, "radius", False),
]


def create(name, model, **given):
    return lets.create(name, model, torch.optim.SGD(model.parameters(), lr=LR), **given)


def flattened(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize(("part", "axis", "learned"), CASES)
def test_trajectory(part, axis, learned, network, draw):
    model = network(seed=1)
    data = [(draw(t), draw(50 + t)) for t in range(STEPS)]
    expected = list(straight_line(Flat(model), data, learned, part))
    given = {} if part is Falling else {"rho": RHO}
    if learned:
        given |= {"rho_lr": RHO_LR, "rho_optimizer": "sgd"}
    method = create("lets-sam" if learned else "sam", model, **given, **{axis: part()})
    for (batch, validation), (theta, rho, perturbed) in zip(data, expected, strict=True):
        stats = method.step(model, batch, validation)
        method.end_epoch()
        torch.testing.assert_close(flattened(model), theta, rtol=1e-12, atol=1e-14)
        assert float(stats.rho) == pytest.approx(rho, rel=1e-12)
        assert stats.perturbed == perturbed
        assert stats.passes == 1 + perturbed * (3 if learned else 1)
    assert (method.rho != RHO) == (learned or part is Falling)


@pytest.mark.parametrize("name", [name for name in lets.methods() if name != "erm"])
def test_every_method_takes_an_ascent(name, network, draw):
    model, plain = network(seed=1), network(seed=1)
    method = create(name, model, ascent=Sign(), total_steps=3)
    other = create(name, plain, total_steps=3)
    for t in range(6):  # LookSAM perturbs two of them
        method.step(model, draw(t), draw(50 + t)), other.step(plain, draw(t), draw(50 + t))
    assert not torch.equal(flattened(model), flattened(plain))
    assert flattened(model).isfinite().all()


def test_a_method_says_what_it_is_made_of(network):
    method = create("asam", network(), ascent=Sign(), policy=EveryThird())
    info = method.info
    assert (info.policy, info.ascent, info.descent, info.radius) == (
        "EveryThird",
        "Sign",
        "perturbed",
        "fixed",
    )
    assert "Sign" in info.name
    assert dict(method.hyperparameters) == {"rho": 0.5, "bn_stats": "first"}
    assert lets.describe("asam").ascent == "adaptive"


def test_what_only_a_replaced_part_takes_is_refused(network):
    with pytest.raises(ValueError, match=r"'xi'.*not to asam with Sign, which takes: rho, bn_stats"):
        create("asam", network(), ascent=Sign(), xi=0.1)
    with pytest.raises(ValueError, match=r"'rho'.*not to gsam with Falling, which takes: alpha, bn_stats"):
        create("gsam", network(), radius=Falling(), rho=0.1)
    assert create("esam", network(), descent=Sharpest(), beta=0.5).hyperparameters["seed"] == 0
    assert create("ae-sam", network(), policy=EveryThird()).rho == 0.05  # no schedule, no total_steps


class Given(lets.Radius):
    def __init__(self, rho):
        self.value = lambda: rho

    def value(self):
        """Of the object."""


class Forgetful(lets.Ascent):
    """Without `at`."""


class Forgetting(lets.Policy):
    """Without `load_state_dict`."""

    def perturbs(self, step, gradient):
        return True

    def state_dict(self):
        return {"a": 1}


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("sam", lambda: {"ascent": "adaptive"}, "ascent = 'adaptive' is no Ascent; .*MyAscent"),
        ("sam", lambda: {"ascent": Sign}, r"ascent = .*Sign.* is a class; .*ascent=Sign\(\)"),
        ("sam", lambda: {"ascent": EveryThird()}, "ascent = .* is of class Policy.*policy="),
        ("sam", lambda: {"radius": Sign()}, "radius = .* is of class Ascent.*ascent="),
        ("sam", lambda: {"policy": lambda step, gradient: True}, "policy = .* is no Policy"),
        ("sam", lambda: {"ascent": Forgetful()}, "Forgetful .*at"),
        ("sam", lambda: {"policy": Forgetting()}, "Forgetting has state_dict and no load_state_dict"),
        ("erm", lambda: {"ascent": Sign()}, "erm never perturbs.*ascent=.*'sam'"),
        ("erm", lambda: {"policy": EveryThird()}, "erm never perturbs.*policy=.*'sam'"),
        ("lets-sam", lambda: {"radius": Falling()}, "lets-sam learns its radius.*Falling.*'sam'"),
        *[
            ("sam", lambda rho=rho: {"radius": Given(rho)}, r"value\(\) of Given returned .*, a number")
            for rho in (None, "0.1", -0.1, float("nan"), torch.tensor(-1.0), torch.ones(2))
        ],
        ("lets-gsam", lambda: {"descent": Mean()}, r"Mean has no response\(grad, grad_perturbed\).*'gsam'"),
        (
            "lets-sam",
            lambda: {"descent": Sharpest(), "hessian": "finite-difference"},
            "finite-difference.*lets-sam with Sharpest",
        ),
    ],
)
def test_refused(name, given, words, network):
    with pytest.raises((TypeError, ValueError), match=words) as error:
        create(name, network(), **given())
    assert "\n" not in str(error.value)


class Outwards(lets.Ascent):
    def at(self, weights):
        theta = weights.theta()
        return lambda gradient: theta


@pytest.mark.parametrize("rho", [0.25, torch.tensor(0.25)])
def test_frozen_weights_do_not_climb(rho, network, draw):
    model = network()
    model.first.weight.requires_grad_(False)
    before, seen = copy.deepcopy(dict(model.named_parameters())), []

    def loss_fn(batch):
        seen.append({name: p / before[name] for name, p in model.named_parameters()})
        return model(batch)

    create("sam", model, ascent=Outwards(), radius=Given(rho)).step(loss_fn, draw(0))
    for name, ratio in seen[1].items():
        expected = 1.0 if name == "first.weight" else 1.25
        torch.testing.assert_close(ratio, torch.full_like(ratio, expected), rtol=1e-12, atol=0)


class Tensors(lets.Ascent):
    def at(self, weights):
        return lambda gradient: gradient.blocks[0].sign()


class Nothing(lets.Descent):
    def perturbed(self, clean, there):
        pass


class Unmapped(lets.Ascent):
    def at(self, weights):
        pass


class Silent(lets.Policy):
    def perturbs(self, step, gradient):
        step % 3 == 2  # noqa: B015


class Below(lets.Radius):
    def __init__(self):
        self.asked = 0

    def value(self):
        self.asked += 1
        return 0.1 if self.asked == 1 else -0.1


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"ascent": Unmapped()}, r"at\(\) of Unmapped returned a NoneType; it must return the map"),
        ({"policy": Silent()}, r"perturbs\(\) of Silent returned None; it must return True or False"),
        ({"radius": Below()}, r"value\(\) of Below returned -0.1; it must return the radius"),
        ({"ascent": Tensors()}, "Tensors returned a Tensor; it must return a Vector"),
        ({"descent": Nothing()}, "Nothing returned a NoneType; it must return a Vector"),
    ],
)
def test_a_part_that_returns_something_else_changes_nothing(part, words, network, draw):
    model = network()
    method, before = create("sam", model, **part), flattened(model)
    with pytest.raises((TypeError, ValueError), match=words):
        method.step(model, draw(0))
    assert torch.equal(flattened(model), before)


def test_a_part_that_chooses_samples_needs_their_losses(network, draw):
    model = network()
    method = create("sam", model, descent=Sharpest())
    with pytest.raises(ValueError, match="one loss per sample"):
        method.step(lambda batch: model(batch).mean(), draw(0))


class Keeping(Sign):
    """Remembers the last gradient as it got it."""

    def __init__(self):
        self.last = None

    def at(self, weights):
        def direction(gradient):
            self.last = gradient
            return -0.5 * gradient

        return direction

    def state_dict(self):
        return {"last": self.last}

    def load_state_dict(self, state):
        self.last = state["last"]


def test_a_state_that_cannot_be_loaded_again_is_refused(network, draw):
    model = network()
    method = create("sam", model, ascent=Keeping())
    method.step(model, draw(0))
    before = flattened(model)
    for ask in (method.state_dict, lambda: method.step(model, draw(1))):
        with pytest.raises(TypeError, match=r"state_dict\(\) of Keeping holds a Vector.*parts\(\)"):
            ask()
    assert torch.equal(flattened(model), before)


def train(method, model, draw, steps):
    for t in steps:
        method.step(model, draw(t))
    return flattened(model)


@pytest.fixture
def expected(network, draw):
    model = network()
    return train(create("sam", model, descent=Mean()), model, draw, range(6))


def test_a_saved_state_goes_on(network, draw, expected):
    model = network()
    method = create("sam", model, descent=Mean())
    train(method, model, draw, range(3))
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "method": method.state_dict()}, file)
    train(method, model, draw, range(3, 5))
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    for _ in range(2):  # what is trained with it leaves the state as it is
        resumed = network(seed=5)
        resumed.load_state_dict(saved["model"])
        other = create("sam", resumed, descent=Mean())
        other.load_state_dict(saved["method"])
        assert torch.equal(train(other, resumed, draw, range(3, 6)), expected)
    with pytest.raises(ValueError, match="this state is of 'sam with Mean', not of 'sam'"):
        create("sam", resumed).load_state_dict(saved["method"])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_goes_on(copied, network, draw, expected):
    model = network()
    method = create("sam", model, descent=Mean())
    train(method, model, draw, range(3))
    other, its_model = copied((method, model))
    train(method, model, draw, range(3, 5))
    assert torch.equal(train(other, its_model, draw, range(3, 6)), expected)


def test_a_failed_step_leaves_the_part_as_it_was(network, draw, expected):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    method = lets.create("sam", model, optimizer, descent=Mean())
    train(method, model, draw, range(3))
    hook = optimizer.register_step_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        method.step(model, draw(99))
    hook.remove()
    assert torch.equal(train(method, model, draw, range(3, 6)), expected)
