"""Settings of a learned radius by name."""

import pytest
import torch
from torch import nn

import lets
from lets.optim import PRESETS, resolve

LETTER = {  # Algorithm 1 as printed: steps of 1e-4 along the gradient of ½ gap² at theta_{t+1}, Hess = diag(ghat²)
    "rho_lr": 1e-4,
    "rho_optimizer": "sgd",
    "parametrization": "exp",
    "direction": "algorithm",
    "hessian": "diagonal",
    "metric": "half-squared-gap",
    "include_lr": True,
    "rho_every": 1,
}


def test_literal_is_algorithm_1_as_printed():
    values = resolve("lets-sam", {"preset": "paper-literal"})
    assert {name: values[name] for name in LETTER} == LETTER


def test_effective_differs_from_literal_in_the_optimizer_alone():
    literal, effective = (
        resolve("lets-asam", {"preset": f"paper-{name}"}) for name in ("literal", "effective")
    )
    assert {name for name in literal if literal[name] != effective[name]} == {"rho_optimizer"}
    assert effective["rho_optimizer"] == "adam"


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("method", [name for name in lets.methods() if name.startswith("lets-")])
def test_every_learned_radius_takes_every_preset(name, method):
    values = resolve(method, {"preset": name})
    assert "preset" not in values
    assert {key: values[key] for key in PRESETS[name].values} == dict(PRESETS[name].values)


def test_what_stands_beside_the_name_wins():
    assert resolve("lets-sam", {"preset": "paper-literal", "rho_lr": 0.5, "rho": 0.2}) == resolve(
        "lets-sam", {"rho_optimizer": "sgd", "rho_lr": 0.5, "rho": 0.2}
    )


def test_create_takes_it():
    with torch.random.fork_rng():
        model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    method = lets.create("lets-sam", model, optimizer, preset="paper-literal")
    assert method.hyperparameters == resolve("lets-sam", {"preset": "paper-literal"})


def test_an_unknown_one_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"no preset 'paper-litteral' .did you mean 'paper-literal'"):
        resolve("lets-sam", {"preset": "paper-litteral"})


def test_a_fixed_radius_has_none():
    with pytest.raises(ValueError, match="a setting of a learned radius, which sam has not"):
        resolve("sam", {"preset": "paper-literal"})
