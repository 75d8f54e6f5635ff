"""The methods as rows of a table: four parts each, and the hyper-parameters those parts bring along.

No torch here: params files are checked and runs are named by this module and its hyper-parameters alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from .hyperparameters import BN_STATS, PARTS, Hyperparameter, ReadOnly, Value, checked, near, spelled_out

__all__ = ["METHODS", "Hyperparameter", "MethodInfo", "Value", "describe", "methods", "resolve"]

AXES = ("policy", "ascent", "descent", "radius")


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
    found = [h for key in keys for h in PARTS.get(key, ())] + [BN_STATS]
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
    raise ValueError(f"there is no method {name!r}{near(name, METHODS)}; known: {', '.join(METHODS)}")


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
    left = [h for axis in AXES if axis not in own for h in PARTS.get(f"{axis}: {getattr(info, axis)}", ())]
    names = {h.name for h in (*left, BN_STATS)}
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
    meant = near(unknown, info.hyperparameters)
    return f"{info.name} has no hyper-parameter {unknown!r}{meant}; it takes: {known}"
