"""From a name in the catalogue to a method: builds the four parts from the hyper-parameters."""

from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim import Optimizer

from .ascent import L2, Ascent, Masked
from .ascent import Adaptive as AdaptiveAscent
from .catalogue import AXES, MethodInfo, complete, describe, with_parts
from .data_parallel import Mode, join
from .descent import Descent, Perturbed, Reuse, SharpSubset, SurrogateGap
from .errors import warn_of_radius
from .method import Method
from .part import refuse_bad_value, refuse_half_a_state
from .policy import Adaptive, Always, Bernoulli, Every, Never, Policy
from .radius import Fixed, Learned, LearningRateCoupled, Radius
from .refusals import refuse_model, refuse_rate
from .upper_level import UpperLevel
from .vectors import Weights

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["create"]


def create(
    name: str,
    model: nn.Module,
    base_optimizer: Optimizer,
    *,
    policy: Policy | None = None,
    ascent: Ascent | None = None,
    descent: Descent | None = None,
    radius: Radius | None = None,
    total_steps: int | None = None,
    lr_max: float | None = None,
    micro_batches: int = 1,
    data_parallel: Mode | None = None,
    process_group: "ProcessGroup | None" = None,
    _by_backward: bool = False,
    **hyperparameters: object,
) -> Method:
    """Make the method `name` around `base_optimizer`, whose parameters are the weights that are perturbed.

    `policy`, `ascent`, `descent` and `radius` replace that part of the method by an object of a subclass of yours,
    whose name `info` then gives; the replaced part's hyper-parameters go with it. A lets-* method learns its radius
    and takes the other three.

    `total_steps` is the length of training, needed by the adaptive policies (ae-*); with it comes a `RadiusWarning`
    if a learned radius cannot move in that time. `lr_max` is the largest learning rate of the schedule, for gsam,
    if base_optimizer does not know it yet. `micro_batches` splits every pass into that many parts to save memory;
    the numbers stay those of the whole batch. The hyper-parameters are listed by `describe(name)`; ValueError or
    TypeError for one that is unknown, not accepted by the method, or out of range.

    `data_parallel` is for scripts under torchrun: every process passes its own part of the batch to `step`,
    the method averages over the processes of `process_group` (None: all), so `model` must not be wrapped in
    DistributedDataParallel. "per-rank": each climbs along the gradient of its own part (m-sharpness);
    "synchronized": along that of the whole batch, the numbers of one process; "off": they train separately.
    Weights and buffers start as rank 0's. `_by_backward` is for `lets.optimizer`, whose closures leave gradients in
    `.grad`: then parameters may be spread over processes.
    """
    given = dict(zip(AXES, (policy, ascent, descent, radius), strict=True))
    own: dict[str, Any] = {axis: part for axis, part in given.items() if part is not None}
    _refuse_bad_parts(describe(name), own)
    info = with_parts(describe(name), {axis: type(part).__name__ for axis, part in own.items()})
    h: dict[str, Any] = complete(info, hyperparameters)
    refuse_model(model, base_optimizer, _by_backward)
    _refuse_bad_setup(info, total_steps, micro_batches)
    _refuse_bad_rates(info, h, base_optimizer, lr_max)
    weights = Weights(base_optimizer, model, _by_backward)
    if weights.storage.spread:
        _refuse_what_needs_whole_tensors(info, h, own, data_parallel)
    arguments = {"method": info.name, **h, "total_steps": total_steps, "data_parallel": data_parallel}
    ranks = join(data_parallel, process_group, model, weights, arguments)
    policy = _policy(info, h, total_steps) if policy is None else policy
    ascent = _ascent(info, h, weights, model) if ascent is None else ascent
    descent = _descent(info, h, weights) if descent is None else descent
    radius = _radius(info, h, weights, base_optimizer, lr_max) if radius is None else radius
    _refuse_bad_curvature(info, h, descent)
    if isinstance(radius, Learned) and total_steps:
        _warn_if_it_stands_still(info, h, radius, total_steps)
    return Method(
        info,
        h,
        model,
        base_optimizer,
        weights,
        policy=policy,
        ascent=ascent,
        descent=descent,
        radius=radius,
        upper_level=UpperLevel(h["metric"], h["direction"], h["hessian"], descent)
        if info.needs_validation
        else None,
        micro_batches=micro_batches,
        ranks=ranks,
        own=tuple(own),
        by_backward=_by_backward,
    )


def _policy(info: MethodInfo, h: dict[str, Any], total_steps: int | None) -> Policy:
    match info.policy:
        case "never":
            return Never()
        case "always":
            return Always()
        case "bernoulli":
            return Bernoulli(h["p"], h["seed"])
        case "every":
            return Every(h["k"])
        case "adaptive":
            return Adaptive(h["delta"], h["lambda_1"], h["lambda_2"], total_steps or 1)
    raise _unknown("policy", info.policy)


def _ascent(info: MethodInfo, h: dict[str, Any], weights: Weights, model: nn.Module) -> Ascent:
    match info.ascent:
        case "l2" | "none":
            return L2()
        case "adaptive":
            return AdaptiveAscent(model, h["asam_norm"], h["xi"])
        case "masked":
            return Masked(len(weights.parameters), h["beta"], h["seed"])
    raise _unknown("ascent", info.ascent)


def _descent(info: MethodInfo, h: dict[str, Any], weights: Weights) -> Descent:
    match info.descent:
        case "perturbed" | "none":
            return Perturbed()
        case "surrogate-gap":
            return SurrogateGap(h["alpha"])
        case "reuse":
            return Reuse(weights, h["alpha"], per_tensor=h["scope"] == "per-tensor")
        case "sharp-subset":
            return SharpSubset(h["gamma"], h["sds_strict"])
    raise _unknown("descent", info.descent)


def _radius(
    info: MethodInfo, h: dict[str, Any], weights: Weights, optimizer: Optimizer, lr_max: float | None
) -> Radius:
    match info.radius:
        case "none":
            return Fixed(0.0, weights.device)
        case "fixed":
            return Fixed(h["rho"], weights.device)
        case "lr-coupled":
            ends = h["rho"], h["rho_min"], h["lr_min"]
            return LearningRateCoupled(*ends, optimizer, weights.device, lr_max)
        case "learned":
            own = ("rho_lr", "rho_decay", "rho_optimizer", "parametrization", "include_lr")
            settings = {key: h[key] for key in own}
            given = {"every": h["rho_every"], "bounds": h["rho_bounds"]}
            return Learned(h["rho"], weights.device, optimizer, **given, **settings)
    raise _unknown("radius", info.radius)


def _unknown(axis: str, choice: str) -> NotImplementedError:
    """The error for a row of the catalogue whose part is not made here: no method trains as another one."""
    return NotImplementedError(f"{axis} {choice!r} is in the catalogue and not made in lets/optim/factory.py")


LARGEST = {"diagonal": 5e-3, "finite-difference": 3.4e-2, "exact": 3.4e-2}
"""|g_rho| by the Hessian, as measured on ResNet-18: for the diagonal at its largest, else the median"""


def _warn_if_it_stands_still(info: MethodInfo, h: dict[str, Any], radius: Learned, total_steps: int) -> None:
    """Warn if the radius cannot move by 1 % in `total_steps`: the steps would be those of the base method."""
    perturbed = total_steps * h.get("p", 1.0) / h.get("k", 1)
    reach = radius.reach(perturbed / h["rho_every"], LARGEST[h["hessian"]])
    if not 0 < reach <= 0.01 * (1 + 1e-9):
        return
    base, needed = info.name.removeprefix("lets-"), h["rho_lr"] * 0.69 / reach
    warn_of_radius(
        f"with rho_lr = {h['rho_lr']:g} and rho_optimizer = {h['rho_optimizer']!r} the radius of {info.name} cannot "
        f"move by 1 % in {total_steps} steps: it stays {h['rho']:g}, and {info.name} is {base} at a higher cost; "
        f"rho_lr={needed:.1e} could double or halve it"
    )


def _refuse_bad_rates(
    info: MethodInfo, h: dict[str, Any], optimizer: Optimizer, lr_max: float | None
) -> None:
    if info.radius == "lr-coupled" or h.get("include_lr"):
        refuse_rate(info.name, optimizer)
    if lr_max is None:
        return
    if info.radius != "lr-coupled":
        raise ValueError(
            f"lr_max belongs to gsam, not to {info.name}: no other radius follows the learning rate"
        )
    if isinstance(lr_max, bool) or not isinstance(lr_max, Real) or not 0 < lr_max < inf:
        raise ValueError(f"lr_max = {lr_max!r} must be a positive number, the largest rate of the schedule")


def _refuse_bad_setup(info: MethodInfo, total_steps: int | None, micro_batches: int) -> None:
    if info.needs_total_steps and total_steps is None:
        raise ValueError(
            f"{info.name} has a schedule over training: give total_steps=epochs * batches per epoch"
        )
    for name, value in (("total_steps", total_steps), ("micro_batches", micro_batches)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ValueError(f"{name} = {value!r} must be a whole number of at least 1")


_BASES = {"policy": Policy, "ascent": Ascent, "descent": Descent, "radius": Radius}


def _refuse_bad_parts(info: MethodInfo, own: dict[str, Any]) -> None:
    """TypeError or ValueError if one of a user's own parts is none, or has no place in the method `info`."""
    for axis, part in own.items():
        _refuse_other_classes(axis, part)
        refuse_half_a_state(part)
        if isinstance(part, Radius):
            refuse_bad_value(part.value(), part)
        if info.policy == "never":
            raise ValueError(
                f"{info.name} never perturbs, and {axis}= is for a method that may; create 'sam' with it"
            )
    if info.needs_validation:
        _refuse_what_cannot_be_learned(info, own)


def _refuse_what_needs_whole_tensors(
    info: MethodInfo, h: dict[str, Any], own: dict[str, Any], data_parallel: Mode | None
) -> None:
    """ValueError if a part would take the shard of a parameter for the whole."""
    wrong, right = "", ""
    if h.get("asam_norm") == "filterwise":
        wrong, right = "asam_norm = 'filterwise' takes norms of filters", "write asam_norm='elementwise'"
    if h.get("scope") == "per-tensor":
        wrong, right = "scope = 'per-tensor' takes norms of tensors", "write scope='global'"
    if own:
        wrong = f"{info.name} may look at single tensors"
        right = f"take {info.name.partition(' with ')[0]!r} as it is"
    if data_parallel in ("per-rank", "synchronized"):
        wrong = f"data_parallel = {data_parallel!r} averages gradients that are averaged already"
        right = "leave it out"
    if wrong:
        raise ValueError(f"{wrong}, and the parameters are spread over processes (DTensor) – {right}")


def _refuse_other_classes(axis: str, part: object) -> None:
    base, name = _BASES[axis], _BASES[axis].__name__
    if isinstance(part, base):
        return
    for right, other in _BASES.items():
        if isinstance(part, other):
            raise TypeError(
                f"{axis} = {part!r} is of class {other.__name__}, not {name}; hand it over as {right}=..."
            )
    if isinstance(part, type) and issubclass(part, base):
        raise TypeError(f"{axis} = {part!r} is a class; hand over an object of it: {axis}={part.__name__}()")
    raise TypeError(
        f"{axis} = {part!r} is no {name}; write a subclass of lets.optim.{name} and hand over an object of it: "
        f"{axis}=My{name}()"
    )


def _refuse_what_cannot_be_learned(info: MethodInfo, own: dict[str, Any]) -> None:
    base, names = info.name.removeprefix("lets-"), {axis: type(part).__name__ for axis, part in own.items()}
    if "radius" in own:
        raise ValueError(
            f"{info.name} learns its radius, and {names['radius']} would replace it; create {base!r} with it"
        )
    if "descent" in own and type(own["descent"]).response is Descent.response:
        raise ValueError(
            f"{info.name} learns its radius through the descent, and {names['descent']} has no response(grad, "
            f"grad_perturbed), the derivative of perturbed; define it, or create {base!r}, whose radius is given"
        )


def _refuse_bad_curvature(info: MethodInfo, h: dict[str, Any], descent: Descent) -> None:
    if h.get("hessian") == "finite-difference" and descent.chooses_samples:
        raise ValueError(
            f"hessian='finite-difference' is a difference of two gradients of the same samples, and the descent of "
            f"{info.name} chooses some of them for the second; use hessian='diagonal' or 'exact'"
        )
