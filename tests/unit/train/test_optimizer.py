"""Learning-rate schedules against torch's own, base optimizers against their settings."""

import math

import pytest
import torch
from torch.optim import lr_scheduler

from lets.config.training import Adam, Schedule, Sgd, TrainingSpec
from lets.train.loop import build_optimizer, build_schedule


def rates(schedule: Schedule, moves: int, epochs: int = 10, steps_per_epoch: int = 3) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    training = TrainingSpec(epochs=epochs, batch_size=1, optimizer=Sgd(name="sgd", lr=0.4), schedule=schedule)
    scheduler, seen = build_schedule(optimizer, training, steps_per_epoch), []
    for _ in range(moves):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def theirs(make, moves: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    scheduler, seen = make(optimizer), []
    for _ in range(moves):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_cosine_is_torchs_cosine_annealing_to_zero():
    expected = theirs(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=10), 10)
    assert rates(Schedule(name="cosine"), 10) == pytest.approx(expected, rel=1e-12)


def test_cosine_per_step_is_stretched_over_all_steps():
    expected = theirs(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=30), 30)
    assert rates(Schedule(name="cosine", per="step"), 30) == pytest.approx(expected, rel=1e-12)


def test_exponential_is_torchs():
    expected = theirs(lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9), 8)
    assert rates(Schedule(name="exponential", gamma=0.9), 8) == pytest.approx(expected, rel=1e-12)


def test_linear_with_warmup_rises_to_the_full_rate_and_falls_to_zero():
    seen = rates(Schedule(name="linear", warmup=2), 11)
    assert seen == pytest.approx([0.4 / 3, 0.8 / 3] + [0.4 * (10 - t) / 8 for t in range(2, 11)])


def test_inverse_square_root_halves_when_time_quadruples():
    seen = rates(Schedule(name="inverse-sqrt", per="step", warmup=4), 20)
    assert seen[4] == pytest.approx(0.4)
    assert seen[16] == pytest.approx(0.4 * math.sqrt(4 / 16))


def test_optimizers_get_what_the_spec_says():
    model = torch.nn.Linear(2, 1)
    sgd = build_optimizer(model, Sgd(name="sgd", lr=0.2, momentum=0.8, weight_decay=0.01, nesterov=True))
    adam = build_optimizer(model, Adam(name="adamw", lr=0.3, betas=[0.5, 0.6], eps=1e-3, weight_decay=0.1))
    assert type(sgd) is torch.optim.SGD
    assert {k: sgd.defaults[k] for k in ("lr", "momentum", "weight_decay", "nesterov")} == {
        "lr": 0.2,
        "momentum": 0.8,
        "weight_decay": 0.01,
        "nesterov": True,
    }
    assert type(adam) is torch.optim.AdamW
    assert (adam.defaults["lr"], adam.defaults["betas"], adam.defaults["eps"]) == (0.3, (0.5, 0.6), 1e-3)


def test_frozen_parameters_are_not_given_to_the_optimizer():
    model = torch.nn.Linear(2, 1)
    model.bias.requires_grad_(False)
    (group,) = build_optimizer(model, Sgd(name="sgd", lr=0.1)).param_groups
    assert [p.shape for p in group["params"]] == [model.weight.shape]
