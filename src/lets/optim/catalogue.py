"""The methods as rows of a table: four parts each, and the hyper-parameters those parts bring along.

No torch here: params files are checked and runs are named by this module alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import inf, isfinite
from numbers import Integral, Real
from types import MappingProxyType
from typing import Literal

from .presets import ReadOnly, spelled_out

__all__ = ["METHODS", "Hyperparameter", "MethodInfo", "Value", "describe", "methods", "resolve"]


def checked(h: "Hyperparameter", value: object) -> "Value":
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


def _number(h: "Hyperparameter", value: object) -> float:
    if isinstance(value, str):
        raise TypeError(
            f"{h.name} = {value!r} is text, not a number; YAML reads 1.0e-4 as a number and 1e-4 as text"
        )
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{h.name} = {value!r} is not a number ({h.meaning})")
    if not isfinite(value):
        raise ValueError(f"{h.name} = {value!r} is not finite ({h.meaning})")
    return float(value) + 0.0  # -0.0 becomes 0.0


def _within(h: "Hyperparameter", value: float) -> float:
    if value < h.low:
        raise ValueError(f"{h.name} = {value} is below {h.low} ({h.meaning})")
    if value > h.high:
        raise ValueError(f"{h.name} = {value} is above {h.high} ({h.meaning})")
    if h.positive and value == 0:
        raise ValueError(f"{h.name} = {value} must be positive ({h.meaning})")
    return value


def _interval(h: "Hyperparameter", value: object) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise TypeError(f"{h.name} = {value!r} is not a pair (low, high) ({h.meaning})")
    low, high = (_number(h, end) for end in value)
    if not 0 < low < high:
        raise ValueError(f"{h.name} = ({low}, {high}) is not an interval 0 < low < high ({h.meaning})")
    return low, high


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


@dataclass(frozen=True)
class MethodInfo(ReadOnly):
    """One row of the table: the four parts of a method, its hyper-parameters, and where it comes from.

    `section` is the place in the LETS paper where the method is introduced.
    """

    name: str
    title: str
    policy: str
    ascent: str
    descent: str
    radius: str
    hyperparameters: Mapping[str, Hyperparameter]
    citation: str
    section: str

    @property
    def needs_validation(self) -> bool:
        """Whether `step` must be given a `val_batch`: the radius is learned."""
        return self.radius == "learned"

    @property
    def needs_total_steps(self) -> bool:
        """Whether `create` must be given `total_steps`: the policy has a schedule."""
        return self.policy == "adaptive"


def _rho(default: float) -> Hyperparameter:
    return Hyperparameter("rho", default, "perturbation radius, or its start if the radius is learned", low=0)


_SEED = Hyperparameter("seed", 0, "seed of the method's own generator", "int", low=0, high=2**63 - 1)
_BN_STATS = Hyperparameter(
    "bn_stats", "first", "which passes update BatchNorm's running averages", "choice", ("first", "all")
)
_HESSIANS = ("diagonal", "finite-difference", "exact")

AXES = ("policy", "ascent", "descent", "radius")

# A part brings its hyper-parameters along. Keys are "axis: choice" of the table in `METHODS`.
_PARTS: dict[str, tuple[Hyperparameter, ...]] = {
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


def _row(
    name: str,
    title: str,
    parts: tuple[str, str, str, str],
    citation: str,
    section: str = "§2",
    /,
    **defaults: Value,
) -> MethodInfo:
    policy, ascent, descent, radius = parts
    keys = (f"radius: {radius}", f"policy: {policy}", f"ascent: {ascent}", f"descent: {descent}")
    found = [h for key in keys for h in _PARTS.get(key, ())] + [_BN_STATS]
    table = {h.name: replace(h, default=defaults.get(h.name, h.default)) for h in found}
    return MethodInfo(
        name, title, policy, ascent, descent, radius, MappingProxyType(table), citation, section
    )


_BASES = (
    _row("erm", "ERM", ("never", "none", "none", "none"), "Vapnik, 1991, Principles of Risk Minimization"),
    _row(
        "sam",
        "SAM",
        ("always", "l2", "perturbed", "fixed"),
        "Foret et al., 2021, Sharpness-Aware Minimization for Efficiently Improving Generalization, "
        "arXiv 2010.01412",
    ),
    _row(
        "asam",
        "ASAM",
        ("always", "adaptive", "perturbed", "fixed"),
        "Kwon et al., 2021, ASAM: Adaptive Sharpness-Aware Minimization, arXiv 2102.11600",
        rho=0.5,
    ),
    _row(
        "esam",
        "ESAM",
        ("always", "masked", "sharp-subset", "fixed"),
        "Du et al., 2022, Efficient Sharpness-aware Minimization, arXiv 2110.03141",
    ),
    _row(
        "rst",
        "RST",
        ("bernoulli", "l2", "perturbed", "fixed"),
        "Zhao et al., 2022, Randomized Sharpness-Aware Training, arXiv 2203.09962",
    ),
    _row(
        "looksam",
        "LookSAM",
        ("every", "l2", "reuse", "fixed"),
        "Liu et al., 2022, Towards Efficient and Scalable Sharpness-Aware Minimization, arXiv 2203.02714",
    ),
    _row(
        "ae-sam",
        "AE-SAM",
        ("adaptive", "l2", "perturbed", "fixed"),
        "Jiang et al., 2023, An Adaptive Policy to Employ Sharpness-Aware Minimization, arXiv 2304.14647",
    ),
    _row(
        "ae-looksam",
        "AE-LookSAM",
        ("adaptive", "l2", "reuse", "fixed"),
        "Jiang et al., 2023, An Adaptive Policy to Employ Sharpness-Aware Minimization, arXiv 2304.14647",
        lambda_1=0.0,
        lambda_2=2.0,
    ),
    _row(
        "gsam",
        "GSAM",
        ("always", "l2", "surrogate-gap", "lr-coupled"),
        "Zhuang et al., 2022, Surrogate Gap Minimization Improves Sharpness-Aware Training, arXiv 2203.08065",
    ),
)
_LETS = "Wang et al., 2024, Enhancing Sharpness-Aware Minimization by Learning Perturbation Radius, arXiv 2408.08222"


def _learned(base: MethodInfo) -> MethodInfo:
    """Exchange the radius of `base` for a learned one: LETS combines with any SAM-type method (§3.3)."""
    parts = (base.policy, base.ascent, base.descent, "learned")
    defaults = {name: h.default for name, h in base.hyperparameters.items() if h.default is not None}
    if base.name == "asam":
        defaults["rho"] = 1.0
    section = "§3.2" if base.name == "sam" else "§3.3"
    row = _row(f"lets-{base.name}", f"LETS-{base.title}", parts, _LETS, section, **defaults)
    if base.descent != "sharp-subset":
        return row
    # The difference of two gradients is a curvature only if both are of the same samples.
    hessian = replace(row.hyperparameters["hessian"], choices=("diagonal", "exact"))
    return replace(row, hyperparameters=MappingProxyType({**row.hyperparameters, "hessian": hessian}))


METHODS: Mapping[str, MethodInfo] = MappingProxyType(
    {row.name: row for row in (*_BASES, *(_learned(base) for base in _BASES if base.name != "erm"))}
)
"""Every method by name."""


def methods() -> tuple[str, ...]:
    """The names `create` knows."""
    return tuple(METHODS)


def describe(name: str) -> MethodInfo:
    """The parts, hyper-parameters and citation of a method; ValueError with near names if there is none."""
    if name in METHODS:
        return METHODS[name]
    raise ValueError(f"there is no method {name!r}{_near(name, METHODS)}; known: {', '.join(METHODS)}")


def resolve(name: str, given: Mapping[str, object]) -> dict[str, Value]:
    """The complete hyper-parameters of a method: `given` checked, everything else at its default.

    The result is ready for JSON, in the order of the catalogue, and equal for equal meaning (`rho=1` is
    `rho=1.0`). `preset` names a whole setting of a learned radius, and what is given beside it wins. ValueError
    or TypeError names the value, the reason and what would be accepted.
    """
    return complete(describe(name), given)


def with_parts(info: MethodInfo, own: Mapping[str, str]) -> MethodInfo:
    """`info` with parts of a user's own, named by axis; the hyper-parameters of the replaced ones are gone."""
    if not own:
        return info
    left = [h for axis in AXES if axis not in own for h in _PARTS.get(f"{axis}: {getattr(info, axis)}", ())]
    names = {h.name for h in (*left, _BN_STATS)}
    table = {name: h for name, h in info.hyperparameters.items() if name in names}
    parts = " and ".join(own.values())
    return replace(
        info,
        name=f"{info.name} with {parts}",
        title=f"{info.title} with {parts}",
        hyperparameters=MappingProxyType(table),
        **own,
    )


def complete(info: MethodInfo, given: Mapping[str, object]) -> dict[str, Value]:
    """Return what `resolve` does, for the method `info`."""
    name = info.name
    if "preset" in given and not info.needs_validation:
        raise ValueError(f"a preset is a setting of a learned radius, which {name} has not; lets-sam has one")
    given = spelled_out(given)
    for unknown in sorted(given.keys() - info.hyperparameters.keys()):
        raise ValueError(_refusal(info, unknown))
    values: dict[str, Value] = {}
    for key, h in info.hyperparameters.items():
        value = given.get(key, h.default)
        if value is None and h.default is None:
            value = _derived(key, values, given)
        values[key] = checked(h, value)
    _refuse_contradictions(name, values)
    return values


def _derived(key: str, values: Mapping[str, Value], given: Mapping[str, object]) -> object:
    if key == "rho_min":
        return float(values["rho"]) / 2  # type: ignore[arg-type]
    return "algorithm" if given.get("hessian", "diagonal") == "diagonal" else "derivation"


def _refuse_contradictions(name: str, values: Mapping[str, Value]) -> None:
    rho = values.get("rho", 0.0)
    if "rho_min" in values and values["rho_min"] > rho:  # type: ignore[operator]
        raise ValueError(f"rho_min = {values['rho_min']} is above rho = {rho}, the largest radius of {name}")
    bounds = values.get("rho_bounds")
    if isinstance(bounds, tuple) and not bounds[0] <= float(rho) <= bounds[1]:  # type: ignore[arg-type]
        raise ValueError(
            f"rho = {rho} lies outside rho_bounds = {bounds}, in which {name} learns it; "
            "choose a start inside or other bounds"
        )
    if values.get("hessian") == "finite-difference" and values["direction"] == "algorithm":
        raise ValueError(
            "hessian='finite-difference' is a product along the perturbation of theta_t and cannot be "
            "applied to direction='algorithm'; use direction='derivation' or hessian='diagonal'"
        )


def _refusal(info: MethodInfo, unknown: str) -> str:
    owners = [m.name for m in METHODS.values() if unknown in m.hyperparameters]
    known = ", ".join(info.hyperparameters)
    if owners:
        return f"{unknown!r} belongs to {', '.join(owners)}, not to {info.name}, which takes: {known}"
    near = _near(unknown, info.hyperparameters)
    return f"{info.name} has no hyper-parameter {unknown!r}{near}; it takes: {known}"


def _near(name: object, names: Mapping[str, object]) -> str:
    found = get_close_matches(str(name), names, n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(map(repr, found))}?)" if found else ""
