"""Every method as one straight line: a flat vector of weights, SGD with momentum and decay, nothing hidden.

To be read beside the equations of the pages, and what the tests hold `lets` to. It needs torch and a model that maps a
batch to the losses of its samples; float64 is advisable.
"""

from math import e, exp, log

import torch
from torch.func import functional_call, jvp

SETTINGS = {
    "momentum": 0.9,
    "weight_decay": 0.01,
    "rho": 0.2,  # of a learned radius: its start
    "rho_lr": 0.05,  # beta of Algorithm 1
    "xi": 0.01,  # stabiliser of ASAM's T
    "beta": 0.6,  # share of tensors that ESAM perturbs
    "gamma": 0.5,  # share of samples that ESAM keeps
    "p": 0.5,  # RST's probability of a perturbed step
    "k": 3,  # LookSAM perturbs every k-th step
    "seed": 3,  # of RST's draws and ESAM's masks
    "max_norm": None,  # every gradient is clipped to this norm, as a closure that clips does
}


class Flat:
    """The loss of a network as a function of one vector."""

    def __init__(self, model, max_norm=None):
        self.model, self.max_norm = model, max_norm
        self.shapes = [(n, p.shape, p.numel()) for n, p in model.named_parameters()]
        self.weights = torch.cat([torch.full((c,), "weight" in n) for n, _, c in self.shapes])
        self.theta = torch.cat([p.detach().flatten() for p in model.parameters()]).clone()

    def mask(self, tensors):
        """One bool per tensor, as one per number."""
        return torch.cat(
            [torch.full((c,), bool(t)) for t, (_, _, c) in zip(tensors, self.shapes, strict=True)]
        )

    def losses(self, theta, batch):
        """The losses of the samples, [n]."""
        parts = torch.split(theta, [c for _, _, c in self.shapes])
        named = {n: p.view(s) for (n, s, _), p in zip(self.shapes, parts, strict=True)}
        return functional_call(self.model, named, (batch,))

    def gradient(self, theta, batch):
        """The losses of the samples, and the gradient of their mean."""
        theta = theta.clone().requires_grad_()
        losses = self.losses(theta, batch)
        (g,) = torch.autograd.grad(losses.mean(), theta)
        if self.max_norm is not None:
            g = g * min(1.0, self.max_norm / (g.norm().item() + 1e-6))  # torch.nn.utils.clip_grad_norm_
        return losses.detach(), g


def straight_line(name, model, batches, validations, lrs, **settings):  # noqa: C901, PLR0915 (straight lines are the point)
    """Train a copy of the weights; after every step: theta, the radius, and whether the step was perturbed."""
    h = {**SETTINGS, **settings}
    flat = Flat(model, h["max_norm"])
    base, theta, rho, velocity = name.removeprefix("lets-"), flat.theta, h["rho"], None
    coin = torch.Generator().manual_seed(h["seed"])
    mask = torch.ones_like(theta, dtype=torch.bool)
    mean, variance, stored, trace = 0.0, e**-10, None, []
    low, high = (0.0, 2.0) if base == "ae-looksam" else (-1.0, 1.0)
    for t, (batch, lr) in enumerate(zip(batches, lrs, strict=True)):
        before, g = flat.gradient(theta, batch)

        # If the policy says so,
        if base == "rst":
            perturb = torch.rand((), generator=coin).item() < h["p"]
        elif base == "looksam":
            perturb = t % h["k"] == 0
        elif base.startswith("ae-"):
            n = g.dot(g).item()
            mean = 0.9 * mean + 0.1 * n
            variance = 0.9 * variance + 0.1 * (n - mean) ** 2
            progress = t / len(batches)
            perturb = n >= mean + (progress * low + (1 - progress) * high) * variance**0.5
        else:
            perturb = base != "erm"

        # climb along the ascent direction by the radius,
        scale = torch.where(flat.weights, theta.abs() + h["xi"], 1.0)

        def direction(v, scale=scale, mask=mask):
            if base == "asam":
                return scale**2 * v / (scale * v).norm()
            if base == "esam":
                return v * mask / (v * mask).norm() / h["beta"]
            return v / v.norm()

        radius = rho
        if name == "gsam":
            radius = h["rho"] / 2 + (h["rho"] - h["rho"] / 2) * lr / lrs[0]
        final = g
        if perturb:
            there = theta + radius * direction(g)

            # take the gradient there,
            chosen = batch
            if base == "esam":
                rise = flat.losses(there, batch) - before
                cut = rise.sort(descending=True).values[int(h["gamma"] * len(rise)) - 1]
                chosen = tuple(x[rise >= cut] for x in batch)
            _, gp = flat.gradient(there, chosen)

            # turn it into a descent gradient,
            def descent(gp, g=g):
                if base != "gsam":
                    return gp
                return gp - 0.4 * (g - g.dot(gp) / gp.dot(gp) * gp)

            final = descent(gp)
            if base.endswith("looksam"):
                stored = gp - gp.dot(g) / g.dot(g) * g
        elif base.endswith("looksam") and stored is not None:
            final = g + 0.7 * g.norm() / stored.norm() * stored

        # give it to the base optimizer;
        d = final + h["weight_decay"] * theta
        velocity = d if velocity is None else h["momentum"] * velocity + d
        theta = theta - lr * velocity

        # then let the radius learn.
        if perturb and name != base:
            l_tr, g_tr = flat.gradient(theta, batch)
            l_vl, g_vl = flat.gradient(theta, validations[t])
            g_a = (l_vl.mean() - l_tr.mean()) * (g_vl - g_tr)
            _, g_b = jvp(descent, (gp,), (gp**2 * direction(g_tr),))
            rho = exp(log(rho) - h["rho_lr"] * rho * lr * -g_a.dot(g_b).item())
        if base == "esam":
            mask = flat.mask(torch.rand(len(flat.shapes), generator=coin) < h["beta"])
        trace.append((theta, radius if name == "gsam" else rho, perturb))
    return trace
