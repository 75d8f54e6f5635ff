"""The table of methods: works without torch, and says clearly what is wrong with a hyper-parameter."""

import json
import subprocess
import sys

import pytest

import lets
from lets.optim.catalogue import METHODS, describe, methods, resolve

BASES = ("erm", "sam", "asam", "esam", "rst", "looksam", "ae-sam", "ae-looksam", "gsam")


def test_names():
    assert methods() == (*BASES, *(f"lets-{base}" for base in BASES[1:]))
    assert lets.methods() == methods()


def test_no_torch_is_imported():
    code = (
        "import sys, lets, lets.optim.catalogue, lets.errors; lets.methods(); lets.describe('gsam'); "
        "lets.optim.resolve('lets-sam', {}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_lazy_attributes():
    assert lets.DivergenceError is lets.optim.DivergenceError
    assert lets.create is lets.optim.create
    with pytest.raises(AttributeError):
        lets.nothing  # noqa: B018
    with pytest.raises(AttributeError):
        lets.optim.nothing  # noqa: B018
    assert set(lets.__all__) <= set(dir(lets))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("erm", ("never", "none", "none", "none")),
        ("sam", ("always", "l2", "perturbed", "fixed")),
        ("asam", ("always", "adaptive", "perturbed", "fixed")),
        ("esam", ("always", "masked", "sharp-subset", "fixed")),
        ("rst", ("bernoulli", "l2", "perturbed", "fixed")),
        ("looksam", ("every", "l2", "reuse", "fixed")),
        ("ae-sam", ("adaptive", "l2", "perturbed", "fixed")),
        ("ae-looksam", ("adaptive", "l2", "reuse", "fixed")),
        ("gsam", ("always", "l2", "surrogate-gap", "lr-coupled")),
        ("lets-sam", ("always", "l2", "perturbed", "learned")),
        ("lets-gsam", ("always", "l2", "surrogate-gap", "learned")),
    ],
)
def test_parts(name, parts):
    info = describe(name)
    assert (info.policy, info.ascent, info.descent, info.radius) == parts
    assert info.citation
    assert info.section


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("erm", {"bn_stats": "first"}),
        ("sam", {"rho": 0.05, "bn_stats": "first"}),
        ("asam", {"rho": 0.5, "xi": 0.01, "asam_norm": "elementwise", "bn_stats": "first"}),
        ("looksam", {"rho": 0.05, "k": 5, "alpha": 0.7, "scope": "global", "bn_stats": "first"}),
        ("rst", {"rho": 0.05, "p": 0.5, "seed": 0, "bn_stats": "first"}),
        ("ae-sam", {"rho": 0.05, "delta": 0.9, "lambda_1": -1.0, "lambda_2": 1.0, "bn_stats": "first"}),
        ("gsam", {"rho": 0.05, "rho_min": 0.025, "lr_min": 0.0, "alpha": 0.4, "bn_stats": "first"}),
        (
            "esam",
            {"rho": 0.05, "beta": 0.6, "seed": 0, "gamma": 0.5, "sds_strict": False, "bn_stats": "first"},
        ),
        (
            "ae-looksam",
            {
                "rho": 0.05,
                "delta": 0.9,
                "lambda_1": 0.0,
                "lambda_2": 2.0,
                "alpha": 0.7,
                "scope": "global",
                "bn_stats": "first",
            },
        ),
        (
            "lets-asam",
            {
                "rho": 1.0,
                "rho_lr": 1e-4,
                "rho_decay": 1.0,
                "rho_optimizer": "adam",
                "parametrization": "exp",
                "direction": "algorithm",
                "hessian": "diagonal",
                "metric": "half-squared-gap",
                "include_lr": True,
                "rho_every": 1,
                "rho_bounds": (1e-6, 10.0),
                "xi": 0.01,
                "asam_norm": "elementwise",
                "bn_stats": "first",
            },
        ),
    ],
)
def test_defaults(name, defaults):
    resolved = resolve(name, {})
    assert resolved == defaults
    assert list(resolved) == list(describe(name).hyperparameters)


def test_derived_defaults():
    assert resolve("gsam", {"rho": 0.4})["rho_min"] == 0.2
    assert resolve("lets-sam", {"hessian": "finite-difference"})["direction"] == "derivation"
    assert resolve("lets-sam", {"hessian": "exact"})["direction"] == "derivation"
    assert resolve("lets-sam", {"hessian": "exact", "direction": "algorithm"})["direction"] == "algorithm"
    assert resolve("lets-sam", {"direction": None}) == resolve("lets-sam", {})


@pytest.mark.parametrize("name", METHODS)
def test_equal_meaning_gives_equal_json(name):
    resolved = resolve(name, {})
    again = resolve(name, json.loads(json.dumps(resolved)))
    assert again == resolved
    assert json.dumps(again) == json.dumps(resolved)
    if "rho" in resolved:
        assert json.dumps(resolve(name, {"rho": 1})) == json.dumps(resolve(name, {"rho": 1.0}))


@pytest.mark.parametrize(
    ("name", "given", "error", "words"),
    [
        ("lets-smm", {}, ValueError, ["lets-smm", "lets-sam"]),
        ("sam", {"roh": 0.1}, ValueError, ["roh", "did you mean 'rho'"]),
        ("sam", {"alpha": 0.1}, ValueError, ["alpha", "belongs to", "gsam", "looksam"]),
        ("lets-gsam", {"rho_min": 0.1}, ValueError, ["rho_min", "belongs to gsam"]),
        ("erm", {"rho": 0.1}, ValueError, ["rho", "belongs to", "not to erm"]),
        ("sam", {"rho": -0.1}, ValueError, ["rho = -0.1", "below 0"]),
        ("sam", {"rho": float("nan")}, ValueError, ["rho", "not finite"]),
        ("sam", {"rho": "1e-4"}, TypeError, ["rho = '1e-4'", "text", "YAML"]),
        ("sam", {"rho": True}, TypeError, ["rho = True"]),
        ("sam", {"rho": None}, TypeError, ["rho = None"]),
        ("rst", {"p": 1.5}, ValueError, ["p = 1.5", "above 1"]),
        ("looksam", {"k": 0}, ValueError, ["k = 0"]),
        ("looksam", {"k": 2.0}, TypeError, ["k = 2.0", "whole number"]),
        ("esam", {"beta": 0}, ValueError, ["beta", "positive"]),
        ("esam", {"sds_strict": 1}, TypeError, ["sds_strict = 1", "True nor False"]),
        ("asam", {"asam_norm": "layerwise"}, ValueError, ["layerwise", "filterwise"]),
        ("gsam", {"rho": 0.1, "rho_min": 0.2}, ValueError, ["rho_min = 0.2", "above rho = 0.1"]),
        ("lets-sam", {"rho": 0.0}, ValueError, ["rho = 0.0", "rho_bounds"]),
        ("lets-sam", {"rho_bounds": (1, 0.5)}, ValueError, ["rho_bounds", "low < high"]),
        ("lets-sam", {"rho_bounds": 3}, TypeError, ["rho_bounds = 3", "pair"]),
        (
            "lets-sam",
            {"hessian": "finite-difference", "direction": "algorithm"},
            ValueError,
            ["finite-difference", "derivation"],
        ),
        ("lets-esam", {"hessian": "finite-difference"}, ValueError, ["finite-difference", "diagonal"]),
    ],
)
def test_refusals(name, given, error, words):
    with pytest.raises(error) as caught:
        resolve(name, given)
    assert all(word in str(caught.value) for word in words), str(caught.value)
