"""Every method against a straight-line float64 version on one flat vector: nine steps, momentum, decay."""

from math import e, exp, log

import pytest
import torch
from torch.func import functional_call, jvp

import lets

LR, MOMENTUM, DECAY, STEPS = 0.3, 0.9, 0.01, 9
RHO, RHO_LR, XI, BETA, GAMMA, P, SEED = 0.2, 0.05, 0.01, 0.6, 0.5, 0.5, 3
GIVEN = {
    "rho": RHO,
    "seed": SEED,
    "xi": XI,
    "beta": BETA,
    "gamma": GAMMA,
    "p": P,
    "k": 3,
    "rho_min": RHO / 2,
    "rho_lr": RHO_LR,
    "rho_optimizer": "sgd",
}


WRITTEN = {
    "erm": ("never", "none", "none", "none"),
    "sam": ("always", "l2", "perturbed", "fixed"),
    "asam": ("always", "adaptive", "perturbed", "fixed"),
    "esam": ("always", "masked", "sharp-subset", "fixed"),
    "rst": ("bernoulli", "l2", "perturbed", "fixed"),
    "looksam": ("every", "l2", "reuse", "fixed"),
    "ae-sam": ("adaptive", "l2", "perturbed", "fixed"),
    "ae-looksam": ("adaptive", "l2", "reuse", "fixed"),
    "gsam": ("always", "l2", "surrogate-gap", "lr-coupled"),
}
"""the parts of each method whose straight line stands below; with `lets-` before the name the radius is learned"""


class Flat:
    """The loss of a network as a function of one vector."""

    def __init__(self, model):
        self.model = model
        self.shapes = [(n, p.shape, p.numel()) for n, p in model.named_parameters()]
        self.weights = torch.cat([torch.full((c,), "weight" in n) for n, _, c in self.shapes])
        self.theta = torch.cat([p.detach().flatten() for p in model.parameters()]).clone()

    def mask(self, tensors):
        return torch.cat(
            [torch.full((c,), bool(t)) for t, (_, _, c) in zip(tensors, self.shapes, strict=True)]
        )

    def losses(self, theta, batch):
        parts = torch.split(theta, [c for _, _, c in self.shapes])
        named = {n: p.view(s) for (n, s, _), p in zip(self.shapes, parts, strict=True)}
        return functional_call(self.model, named, (batch,))

    def gradient(self, theta, batch):
        theta = theta.clone().requires_grad_()
        losses = self.losses(theta, batch)
        return losses.detach(), torch.autograd.grad(losses.mean(), theta)[0]


def straight_line(name, flat, batches, validations, lrs):  # noqa: C901, PLR0915 (straight lines are the point)
    """theta and rho after every step."""
    base, theta, rho, velocity = name.removeprefix("lets-"), flat.theta, RHO, None
    coin = torch.Generator().manual_seed(SEED)
    mask = torch.ones_like(theta, dtype=torch.bool)
    mean, variance, stored, trace = 0.0, e**-10, None, []
    low, high = (0.0, 2.0) if base == "ae-looksam" else (-1.0, 1.0)
    for t in range(STEPS):
        batch, lr = batches[t], lrs[t]
        before, g = flat.gradient(theta, batch)
        if base == "rst":
            perturb = torch.rand((), generator=coin).item() < P
        elif base == "looksam":
            perturb = t % 3 == 0
        elif base.startswith("ae-"):
            n = g.dot(g).item()
            mean = 0.9 * mean + 0.1 * n
            variance = 0.9 * variance + 0.1 * (n - mean) ** 2
            perturb = n >= mean + (t / STEPS * low + (1 - t / STEPS) * high) * variance**0.5
        else:
            perturb = base != "erm"
        scale = torch.where(flat.weights, theta.abs() + XI, 1.0)

        def direction(v, scale=scale, mask=mask):
            if base == "asam":
                return scale**2 * v / (scale * v).norm()
            if base == "esam":
                return v * mask / (v * mask).norm() / BETA
            return v / v.norm()

        radius = rho
        if name == "gsam":
            radius = RHO / 2 + (RHO - RHO / 2) * lr / lrs[0]
        final = g
        if perturb:
            there = theta + radius * direction(g)
            chosen = batch
            if base == "esam":
                rise = flat.losses(there, batch) - before
                cut = rise.sort(descending=True).values[int(GAMMA * len(rise)) - 1]
                chosen = tuple(x[rise >= cut] for x in batch)
            _, gp = flat.gradient(there, chosen)

            def descent(gp, g=g):
                if base != "gsam":
                    return gp
                return gp - 0.4 * (g - g.dot(gp) / gp.dot(gp) * gp)

            final = descent(gp)
            if base.endswith("looksam"):
                stored = gp - gp.dot(g) / g.dot(g) * g
        elif base.endswith("looksam") and stored is not None:
            final = g + 0.7 * g.norm() / stored.norm() * stored
        d = final + DECAY * theta
        velocity = d if velocity is None else MOMENTUM * velocity + d
        theta = theta - lr * velocity
        if perturb and name != base:
            l_tr, g_tr = flat.gradient(theta, batch)
            l_vl, g_vl = flat.gradient(theta, validations[t])
            g_a = (l_vl.mean() - l_tr.mean()) * (g_vl - g_tr)
            _, g_b = jvp(descent, (gp,), (gp**2 * direction(g_tr),))
            rho = exp(log(rho) - RHO_LR * rho * lr * -g_a.dot(g_b).item())
        if base == "esam":
            mask = flat.mask(torch.rand(len(flat.shapes), generator=coin) < BETA)
        trace.append((theta, radius if name == "gsam" else rho, perturb))
    return trace


@pytest.mark.parametrize("name", lets.methods())
def test_the_straight_line_is_of_this_method(name):
    """A new row, or another part in an old one, needs a few lines in `straight_line`: it would go on as SAM."""
    base, info = name.removeprefix("lets-"), lets.describe(name)
    assert base in WRITTEN, (
        f"{name} has no straight line: write it in straight_line, then its parts in WRITTEN"
    )
    radius = WRITTEN[base][3] if name == base else "learned"
    assert (info.policy, info.ascent, info.descent, info.radius) == (*WRITTEN[base][:3], radius)


@pytest.mark.parametrize("name", lets.methods())
def test_trajectory(name, network, draw):
    model = network(seed=1)
    batches, validations = [draw(t) for t in range(STEPS)], [draw(50 + t) for t in range(STEPS)]
    lrs = [LR * (1 - t / 20) for t in range(STEPS)]
    expected = straight_line(name, Flat(model), batches, validations, lrs)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    given = {k: v for k, v in GIVEN.items() if k in lets.describe(name).hyperparameters}
    method = lets.create(name, model, optimizer, total_steps=STEPS, **given)
    seen = set()
    for t, (theta, rho, perturbed) in enumerate(expected):
        optimizer.param_groups[0]["lr"] = lrs[t]
        stats = method.step(model, batches[t], validations[t])
        got = torch.cat([p.detach().flatten() for p in model.parameters()])
        torch.testing.assert_close(got, theta, rtol=1e-9, atol=1e-11)
        assert stats.perturbed == perturbed
        seen.add(perturbed)
        if name.startswith("lets-"):
            assert method.rho == pytest.approx(rho, rel=1e-10)
            assert (stats.gap is not None) == perturbed
            assert stats.passes == (4 if perturbed else 1)
        elif name == "gsam":
            assert stats.rho.item() == pytest.approx(rho, rel=1e-12)
    if lets.describe(name).policy in ("bernoulli", "every", "adaptive"):
        assert seen == {True, False}, "the test problem must show both branches"
    if name.startswith("lets-"):
        assert method.rho != RHO
