"""Build the base optimizer and its learning-rate schedule from the spec."""

import math
from collections.abc import Callable

import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

from lets.config.training import Optimizer, Schedule, Sgd, TrainingSpec


def build_optimizer(model: torch.nn.Module, spec: Optimizer) -> torch.optim.Optimizer:
    """Return the base optimizer; weight decay acts on every parameter, as in all public code (methods of SAM)."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    settings = spec.model_dump(exclude={"name"})
    if not any(parameter.is_meta for parameter in parameters):
        settings["fused"] = True  # one kernel for all weights
    if isinstance(spec, Sgd):
        return torch.optim.SGD(parameters, **settings)
    settings["betas"] = tuple(settings["betas"])
    return (torch.optim.AdamW if spec.name == "adamw" else torch.optim.Adam)(parameters, **settings)


def clip_gradients(optimizer: torch.optim.Optimizer, longest: float) -> None:
    """Shorten the gradient of every later step to this norm over all weights; 0 leaves it as it is.

    What a method computes from gradients is done by then: perturbations and hyper-gradients are not clipped.
    """
    if longest:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]

        def clip(*_: object) -> None:
            clip_grad_norm_(parameters, longest)

        optimizer.register_step_pre_hook(clip)


def build_schedule(
    optimizer: torch.optim.Optimizer, training: TrainingSpec, steps_per_epoch: int
) -> LambdaLR:
    """Return the schedule; call its `step` after every epoch or every step, as `schedule.per` says."""
    length = training.epochs * (steps_per_epoch if training.schedule.per == "step" else 1)
    return LambdaLR(optimizer, _factor(training.schedule, length))


def _factor(schedule: Schedule, length: int) -> Callable[[int], float]:
    """The learning rate over its start, after `t` of `length` moves."""
    warmup = schedule.warmup
    shapes: dict[str, Callable[[int], float]] = {
        "constant": lambda t: 1.0,
        "cosine": lambda t: 0.5 * (1 + math.cos(math.pi * (t - warmup) / max(1, length - warmup))),
        "exponential": lambda t: schedule.gamma ** (t - warmup),
        "linear": lambda t: (length - t) / max(1, length - warmup),
        "inverse-sqrt": lambda t: math.sqrt(warmup / t),
    }
    return lambda t: (t + 1) / (warmup + 1) if t < warmup else shapes[schedule.name](min(t, length))
