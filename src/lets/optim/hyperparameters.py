"""Hyper-parameters: what each is called, means and may be, which part of a method brings which, and the presets.

No torch here, as in the catalogue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf, isfinite
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Literal

__all__ = [
    "BN_STATS",
    "PARTS",
    "PRESETS",
    "Hyperparameter",
    "Preset",
    "ReadOnly",
    "Value",
    "checked",
    "near",
    "spelled_out",
]

Value = float | int | bool | str | tuple[float, float]


@dataclass(frozen=True)
class Hyperparameter:
    """One hyper-parameter: its name, default, meaning and the values it may take.

    `low` and `high` bound a number, inclusively; `positive` excludes zero. A default of None is worked out
    from the other values by `resolve`.
    """

    name: str
    default: Value | None
    meaning: str
    kind: Literal["float", "int", "bool", "choice", "interval"] = "float"
    choices: tuple[str, ...] = ()
    low: float = -inf
    high: float = inf
    positive: bool = False


def checked(h: Hyperparameter, value: object) -> Value:
    """`value` in the one form its kind is written in; TypeError or ValueError if it is none of its values."""
    if h.kind == "float":
        return _within(h, _number(h, value))
    if h.kind == "int":
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{h.name} = {value!r} is not a whole number ({h.meaning})")
        return int(_within(h, int(value)))
    if h.kind == "interval":
        return _interval(h, value)
    if h.kind == "bool":
        if not isinstance(value, bool):
            raise TypeError(f"{h.name} = {value!r} is neither True nor False ({h.meaning})")
        return value
    if not isinstance(value, str) or value not in h.choices:
        raise ValueError(f"{h.name} = {value!r} is not one of {', '.join(h.choices)} ({h.meaning})")
    return value


def _number(h: Hyperparameter, value: object) -> float:
    if isinstance(value, str):
        raise TypeError(
            f"{h.name} = {value!r} is text, not a number; YAML reads 1.0e-4 as a number and 1e-4 as text"
        )
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{h.name} = {value!r} is not a number ({h.meaning})")
    if not isfinite(value):
        raise ValueError(f"{h.name} = {value!r} is not finite ({h.meaning})")
    return float(value) + 0.0  # -0.0 becomes 0.0


def _within(h: Hyperparameter, value: float) -> float:
    if value < h.low:
        raise ValueError(f"{h.name} = {value} is below {h.low} ({h.meaning})")
    if value > h.high:
        raise ValueError(f"{h.name} = {value} is above {h.high} ({h.meaning})")
    if h.positive and value == 0:
        raise ValueError(f"{h.name} = {value} must be positive ({h.meaning})")
    return value


def _interval(h: Hyperparameter, value: object) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise TypeError(f"{h.name} = {value!r} is not a pair (low, high) ({h.meaning})")
    low, high = (_number(h, end) for end in value)
    if not 0 < low < high:
        raise ValueError(f"{h.name} = ({low}, {high}) is not an interval 0 < low < high ({h.meaning})")
    return low, high


def _rho(default: float) -> Hyperparameter:
    return Hyperparameter("rho", default, "perturbation radius, or its start if the radius is learned", low=0)


_SEED = Hyperparameter("seed", 0, "seed of the method's own generator", "int", low=0, high=2**63 - 1)
BN_STATS = Hyperparameter(
    "bn_stats", "first", "which passes update BatchNorm's running averages", "choice", ("first", "all")
)
_HESSIANS = ("diagonal", "finite-difference", "exact")

PARTS: Mapping[str, tuple[Hyperparameter, ...]] = {
    "radius: fixed": (_rho(0.05),),
    "radius: lr-coupled": (
        _rho(0.05),
        Hyperparameter("rho_min", None, "radius when the learning rate is lr_min; default rho/2", low=0),
        Hyperparameter("lr_min", 0.0, "learning rate at which the radius is rho_min", low=0),
    ),
    "radius: learned": (
        _rho(0.05),
        Hyperparameter("rho_lr", 1e-4, "step size of the radius (beta of Algorithm 1)", low=0),
        Hyperparameter("rho_decay", 1.0, "factor on rho_lr at every end_epoch()", positive=True, low=0),
        Hyperparameter(
            "rho_optimizer",
            "adam",
            "optimizer of the radius; sgd is step 14 to the letter",
            "choice",
            ("adam", "sgd"),
        ),
        Hyperparameter("parametrization", "exp", "rho = exp(nu), or rho itself", "choice", ("exp", "raw")),
        Hyperparameter(
            "direction",
            None,
            "what the Hessian is applied to: the direction of the gradient at theta_{t+1} (algorithm, steps "
            "11-12) or eps_hat of theta_t (derivation, §3.2); default algorithm if hessian is diagonal",
            "choice",
            ("algorithm", "derivation"),
        ),
        Hyperparameter("hessian", "diagonal", "how the Hessian is approximated", "choice", _HESSIANS),
        Hyperparameter(
            "metric",
            "half-squared-gap",
            "upper-level objective",
            "choice",
            ("half-squared-gap", "gap", "validation-loss"),
        ),
        Hyperparameter("include_lr", True, "the factor eta of step 14", "bool"),
        Hyperparameter(
            "rho_every", 1, "the radius learns on every k-th perturbed step (an extension)", "int", low=1
        ),
        Hyperparameter(
            "rho_bounds", (1e-6, 10.0), "the radius is clamped to this interval", "interval", positive=True
        ),
    ),
    "policy: bernoulli": (
        Hyperparameter("p", 0.5, "probability of a perturbed step", low=0, high=1),
        _SEED,
    ),
    "policy: every": (Hyperparameter("k", 5, "perturb every k-th step", "int", low=1),),
    "policy: adaptive": (
        Hyperparameter("delta", 0.9, "memory of the moving mean and variance of ||g||^2", low=0, high=1),
        Hyperparameter("lambda_1", -1.0, "threshold, in standard deviations, at the last step"),
        Hyperparameter("lambda_2", 1.0, "threshold, in standard deviations, at the first step"),
    ),
    "ascent: adaptive": (
        Hyperparameter("xi", 0.01, "stabiliser of T", low=0),
        Hyperparameter(
            "asam_norm",
            "elementwise",
            "T: |theta|+xi on weights only; Eq. 7 with one norm per filter; or |theta|+xi everywhere",
            "choice",
            ("elementwise", "filterwise", "elementwise-all"),
        ),
    ),
    "ascent: masked": (
        Hyperparameter("beta", 0.6, "probability that a tensor is perturbed", positive=True, low=0, high=1),
        _SEED,
    ),
    "descent: surrogate-gap": (Hyperparameter("alpha", 0.4, "weight of the surrogate gap", low=0),),
    "descent: reuse": (
        Hyperparameter("alpha", 0.7, "weight of the stored gradient part", low=0),
        Hyperparameter(
            "scope",
            "global",
            "norms over all tensors jointly or tensor by tensor",
            "choice",
            ("global", "per-tensor"),
        ),
    ),
    "descent: sharp-subset": (
        Hyperparameter(
            "gamma", 0.5, "share of the batch kept for the second gradient", positive=True, low=0, high=1
        ),
        Hyperparameter(
            "sds_strict", False, "keep one sample fewer, as the official code does (> for >=)", "bool"
        ),
    ),
}
"""by "axis: choice" of a part of a method: a part brings its hyper-parameters along"""


class ReadOnly:
    """A dataclass whose mappings nobody can change; it is copied and pickled all the same."""

    def __reduce__(self) -> tuple[Any, ...]:
        values = vars(self).values()
        return _restored, (type(self), [dict(v) if isinstance(v, MappingProxyType) else v for v in values])


def _restored(kind: type, values: list[Any]) -> Any:
    return kind(*[MappingProxyType(v) if isinstance(v, dict) else v for v in values])


@dataclass(frozen=True)
class Preset(ReadOnly):
    """Hyper-parameters of every lets-method; what it does not name stays at its default, or as given."""

    name: str
    meaning: str
    values: Mapping[str, Value]


_LETTER: Mapping[str, Value] = {
    "rho_lr": 1e-4,
    "parametrization": "exp",
    "direction": "algorithm",
    "hessian": "diagonal",
    "metric": "half-squared-gap",
    "include_lr": True,
    "rho_every": 1,
}

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        one.name: one
        for one in (
            Preset(
                "paper-literal",
                "Algorithm 1 to the letter: plain gradient steps, which are too small to move the radius",
                MappingProxyType({**_LETTER, "rho_optimizer": "sgd"}),
            ),
            Preset(
                "paper-effective",
                "the same gradient given to Adam: the mildest change under which any start can work (Table 5)",
                MappingProxyType({**_LETTER, "rho_optimizer": "adam"}),
            ),
        )
    }
)
"""by name"""


def spelled_out(given: Mapping[str, object]) -> Mapping[str, object]:
    """`given` with the values of its `preset` in place of the name; what stands beside the name wins.

    ValueError with near names if there is no such preset.
    """
    if "preset" not in given:
        return given
    name = given["preset"]
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}{near(name, PRESETS)}; known: {', '.join(PRESETS)}")
    return {**PRESETS[str(name)].values, **{key: value for key, value in given.items() if key != "preset"}}


def near(name: object, names: Mapping[str, object]) -> str:
    """The names that `name` may have been meant for, in brackets; nothing if none is like it."""
    found = get_close_matches(str(name), names, n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(map(repr, found))}?)" if found else ""
