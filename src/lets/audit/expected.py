"""What spec and method say of a training before anybody trains: learning rates, perturbed steps, radii, passes.

Worked out here in plain numbers, not by the code that trains; the schedule and the generator of RST are torch's.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lets.config import RunSpec
from lets.optim.catalogue import describe

Pattern = Sequence[bool]
"""step by step"""


def learning_rates(spec: RunSpec, steps_per_epoch: int) -> Callable[[int], float]:
    """Return step (0-based) → learning rate; the step after the last one is what the schedule ends at."""
    import torch

    from lets.train.loop import build_schedule

    training = spec.training
    none = torch.optim.SGD([torch.zeros(1)], lr=training.optimizer.lr)
    factor = build_schedule(none, training, steps_per_epoch).lr_lambdas[0]
    moves = 1 if training.schedule.per == "step" else steps_per_epoch
    return lambda step: training.optimizer.lr * factor(step // moves)


def perturbed_steps(spec: RunSpec, steps: int) -> Pattern | None:
    """Return which steps the policy perturbs; None for an adaptive one, which looks at gradients."""
    values = _values(spec)
    match describe(spec.method).policy:
        case "never":
            return [False] * steps
        case "always":
            return [True] * steps
        case "every":
            return [step % values["k"] == 0 for step in range(steps)]
        case "bernoulli":
            import torch

            generator = torch.Generator().manual_seed(spec.seeds()["method"])
            draws = (torch.rand((), generator=generator) for _ in range(steps))
            return [float(draw) < values["p"] for draw in draws]
    return None


def learning_steps(spec: RunSpec, perturbed: Pattern) -> Pattern:
    """Return the steps on which the radius learns: every so many-th perturbed one."""
    every, count, found = _values(spec).get("rho_every", 1), 0, list[bool]()
    for perturbs in perturbed:
        found.append(perturbs and learns_radius(spec) and count % every == 0)
        count += perturbs
    return found


def learns_radius(spec: RunSpec) -> bool:
    """Return whether the radius follows a hyper-gradient."""
    return describe(spec.method).radius == "learned"


def passes(spec: RunSpec, perturbed: Pattern, learning: Pattern, steps_per_epoch: int) -> tuple[int, int]:
    """Return the passes of whole epochs, and how many of them a cached gradient saves at most.

    Saved is the first pass of a step after one that learned on its batch; nothing is cached from one epoch, or one
    checkpoint interval, to the next.
    """
    from lets.train.loop import CHECKPOINT_INTERVAL

    exact = spec.hyperparameters.get("hessian") == "exact"
    spent = len(perturbed) + sum(perturbed) + sum(learning) * (2 + exact)
    caches = spec.training.val_batches == "next" and spec.hyperparameters.get("bn_stats") == "first"
    following = enumerate(learning[:-1], start=1)
    return spent, caches * sum(
        learns for step, learns in following if step % steps_per_epoch % CHECKPOINT_INTERVAL
    )


def radii(
    spec: RunSpec, rates: Callable[[int], float], steps_per_epoch: int, hypergradients: Sequence[float]
) -> Iterator[float]:
    """Yield the radius of every step, and the one after the last; NaN stands for no hyper-gradient.

    They are read one after the other: a step's radius does not depend on its own.
    """
    match describe(spec.method).radius:
        case "learned":
            yield from _learned(spec, rates, steps_per_epoch, hypergradients)
        case "lr-coupled":
            yield from (_coupled(spec, rates(step)) for step in range(len(hypergradients) + 1))
        case "none":
            yield from [0.0] * (len(hypergradients) + 1)
        case _:
            yield from [_values(spec)["rho"]] * (len(hypergradients) + 1)


def _coupled(spec: RunSpec, rate: float) -> float:
    """GSAM's radius: from rho_min at lr_min to rho at the full learning rate."""
    values = _values(spec)
    high, low, least = (float(values[name]) for name in ("rho", "rho_min", "lr_min"))
    span = spec.training.optimizer.lr - least
    return low + (high - low) * (min(max((rate - least) / span, 0.0), 1.0) if span else 1.0)


def _learned(
    spec: RunSpec, rates: Callable[[int], float], steps_per_epoch: int, hypergradients: Sequence[float]
) -> Iterator[float]:
    """Algorithm 1, step 14: on the radius, or on its logarithm."""
    values = _values(spec)
    start, beta, (low, high) = values["rho"], values["rho_lr"], values["rho_bounds"]
    exponential, step_of = values["parametrization"] == "exp", _STEPS[values["rho_optimizer"]]()
    nu = 0.0 if exponential else start
    least, most = (math.log(one / start) if exponential else one for one in (low, high))
    for step, gradient in enumerate([*hypergradients, math.nan], start=1):
        rho = min(max(start * math.exp(nu) if exponential else nu, low), high)
        yield rho
        if not math.isnan(gradient):
            gradient *= (rates(step - 1) if values["include_lr"] else 1.0) * (rho if exponential else 1.0)
            nu = min(max(nu - beta * step_of(gradient), least), most)
        if step % steps_per_epoch == 0:
            beta *= values["rho_decay"]


def _adam() -> Callable[[float], float]:
    """Adam (Kingma & Ba 2015, Algorithm 1) with torch's defaults."""
    count, mean, square = 0, 0.0, 0.0

    def step(gradient: float) -> float:
        nonlocal count, mean, square
        count, mean, square = count + 1, 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        return mean / (1 - 0.9**count) / (math.sqrt(square / (1 - 0.999**count)) + 1e-8)

    return step


_STEPS: dict[str, Callable[[], Callable[[float], float]]] = {
    "adam": _adam,
    "sgd": lambda: lambda gradient: gradient,
}


def _values(spec: RunSpec) -> dict[str, Any]:
    """The hyper-parameters, which `resolve` has checked."""
    return dict(spec.hyperparameters)
