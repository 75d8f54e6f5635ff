"""Every method against the straight line of docs/methods/straight_line.py in float64: nine steps, momentum, decay."""

from pathlib import Path
from runpy import run_path

import pytest
import torch

import lets

LINE = run_path(str(Path(__file__).parents[3] / "docs/methods/straight_line.py"))
SETTINGS, Flat, straight_line = (LINE[name] for name in ("SETTINGS", "Flat", "straight_line"))
LR, STEPS = 0.3, 9
GIVEN = {**SETTINGS, "rho_optimizer": "sgd"}
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
"""the parts of each method whose straight line is written; with `lets-` before the name the radius is learned"""


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
    expected = straight_line(name, model, batches, validations, lrs)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LR, momentum=SETTINGS["momentum"], weight_decay=SETTINGS["weight_decay"]
    )
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
        assert method.rho != SETTINGS["rho"]
