"""The training loop: one interval of steps at a time, resumable between intervals to the same bytes.

Base optimizer and learning-rate schedule are built at the end of this file.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

import lets.models
from lets.config import RunSpec, seed_for
from lets.config.training import Optimizer, Schedule, Sgd, TrainingSpec
from lets.optim import DivergenceError, Method, Stats, create
from lets.optim.catalogue import METHODS
from lets.runs.history import HistoryRow, impossible
from lets.train.device import ALONE, Ranks, compiled, placed
from lets.train.run_data import RunData
from lets.train.tasks import Batch, evaluate, in_precision, task_of

CHECKPOINT_INTERVAL = 500
"""Steps between two states that a killed run resumes from; an epoch of CIFAR (391 steps) is one interval.

Random numbers are drawn anew in every interval, and no gradient is carried over: a resumed run spends the same passes.
"""


@dataclass
class Epoch:
    """How far the current epoch is, and what all steps since the last measurement came to."""

    number: int = 0
    steps: int = 0
    passes: int = 0
    perturbed: int = 0
    lr: float = 0.0
    """the learning rate of the last step"""

    def count(self, stats: Stats, lr: float) -> None:
        """Add one step."""
        self.steps += 1
        self.passes += stats.passes
        self.perturbed += bool(stats.perturbed)
        self.lr = lr


COLUMNS = ("loss", "rho")
LETS_COLUMNS = ("loss", "rho", "gap", "hypergradient")


class Trace:
    """Columns of one float64 value per step; a step that did not perturb has NaN where LETS learned nothing."""

    def __init__(self, steps: int, learned: bool, device: torch.device) -> None:
        names = LETS_COLUMNS if learned else COLUMNS
        self.columns = {
            name: torch.full((steps,), torch.nan, dtype=torch.float64, device=device) for name in names
        }

    def record(self, step: int, stats: object) -> None:
        """Copy what a step reports; runs on the device, without waiting for it."""
        for name, column in self.columns.items():
            value = getattr(stats, name)
            if value is not None:
                column[step] = value

    def mean_loss(self, start: int, stop: int) -> float:
        """The mean loss of the steps start … stop-1 (waits for the device)."""
        return float(self.columns["loss"][start:stop].mean())

    def state_dict(self) -> dict[str, Tensor]:
        """Return the columns, for the resume state and for trace.safetensors."""
        return {name: column.cpu() for name, column in self.columns.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take the columns of an interrupted run; raises ValueError if they are of other lengths."""
        for name, column in self.columns.items():
            if state[name].shape != column.shape:
                raise ValueError(
                    f"its {name} has the shape {list(state[name].shape)}, not {list(column.shape)}"
                )
            column.copy_(state[name])


class Training:
    """Model, method, schedule and what they have done so far; one of `ranks` processes that do the same."""

    def __init__(self, spec: RunSpec, data: RunData, device: torch.device, ranks: Ranks = ALONE) -> None:
        self.spec, self.data, self.training = spec, data, spec.training
        self.device, self.ranks = device, ranks
        self.steps_per_epoch = len(data.train)
        self.model = self._build_model()
        # Only steps are compiled: what is measured does not depend on how fast it was trained.
        network = compiled(self.model, device) if self.training.compile else self.model
        self.task = task_of(spec.dataset)
        self.forward = in_precision(network, self.training.precision, device)
        self.optimizer = build_optimizer(self.model, self.training.optimizer)
        clip_gradients(self.optimizer, self.training.clip)
        self.method = self._build_method()
        # After the method: GSAM reads the full learning rate, which a warm-up has not reached yet.
        self.schedule = build_schedule(self.optimizer, self.training, self.steps_per_epoch)
        self.learned = self.method.info.needs_validation
        self.trace = Trace(self.training.epochs * self.steps_per_epoch, self.learned, device)
        self.history: list[HistoryRow] = []
        self.epoch = Epoch()

    @property
    def finished(self) -> bool:
        """Whether every epoch is done."""
        return self.epoch.number == self.training.epochs

    def loss(self, batch: Batch) -> torch.Tensor:
        """The loss of each sample of a batch, shape [n], float32."""
        if self.training.dropout == "same":
            torch.manual_seed(self._dropout_seed())
        return self.task.losses(self.forward, batch, self.training.label_smoothing)

    def run_epoch(self) -> HistoryRow:
        """Train to the end of the next epoch that is measured; raises DivergenceError."""
        while (row := self.run_interval()) is None:
            pass
        return row

    def run_interval(self) -> HistoryRow | None:
        """Train up to `CHECKPOINT_INTERVAL` steps; at the end of a measured epoch return its line of the history.

        Raises DivergenceError.
        """
        epoch, start = self.epoch, self.epoch.steps
        stop = min(start + CHECKPOINT_INTERVAL, self.steps_per_epoch)
        # Dropout draws from torch's global generator: seeded anew, a interval needs no state from the one before.
        torch.manual_seed(self._dropout_seed())
        self.model.train()
        for batch, val_batch in self.data.pairs(epoch.number, self.training.val_batches, start, stop):
            self._step(batch, val_batch)
        self.ranks.agree_on_buffers(self.model)
        return self._end_epoch() if stop == self.steps_per_epoch else None

    def _build_model(self) -> torch.nn.Module:
        torch.manual_seed(self.spec.seeds()["init"])
        # Made on the CPU, so that a GPU run starts from the same weights.
        model = lets.models.create(self.spec.architecture, self.data.classes, self.data.image)
        if self.data.pretrained:
            model.start_from(self.data.pretrained)  # type: ignore[operator]
        return placed(model, self.device, self.training.channels_last)

    def _build_method(self) -> Method:
        settings: dict[str, Any] = dict(self.spec.hyperparameters)
        if "seed" in METHODS[self.spec.method].hyperparameters:
            settings["seed"] = self.spec.seeds()["method"]
        if self.ranks.count > 1:
            settings["data_parallel"] = "per-rank"
        total_steps = self.training.epochs * self.steps_per_epoch
        return create(self.spec.method, self.model, self.optimizer, total_steps=total_steps, **settings)

    def _dropout_seed(self) -> int:
        """That of the current step, on this rank."""
        seed = self.spec.seeds()["dropout"]
        return seed_for("dropout", seed, self.epoch.number, self.epoch.steps, self.ranks.rank)

    def _step(self, batch: Batch, val_batch: Batch) -> None:
        stats = self.method.step(self.loss, batch, val_batch if self.learned else None)
        self.trace.record(self.epoch.number * self.steps_per_epoch + self.epoch.steps, stats)
        self.epoch.count(stats, self.optimizer.param_groups[0]["lr"])
        if self.training.schedule.per == "step":
            self.schedule.step()

    def _end_epoch(self) -> HistoryRow | None:
        if self.training.schedule.per == "epoch":
            self.schedule.step()
        self.method.end_epoch()
        following = self.epoch.number + 1
        if following % self.training.measure_every:
            self.epoch = replace(self.epoch, number=following, steps=0)
            return None
        self.history.append(self._measure())
        self.epoch = Epoch(following)
        return self.history[-1]

    def _measure(self) -> HistoryRow:
        train, test = (
            evaluate(self.model, batches, self.training.precision, self.ranks, self.task)
            for batches in (self.data.measured, self.data.test)
        )
        steps = self.steps_per_epoch * self.training.measure_every
        stop = (self.epoch.number + 1) * self.steps_per_epoch
        if not math.isfinite(train.loss + test.loss + self.method.rho):
            norms = {"training loss": train.loss, "test loss": test.loss}
            raise DivergenceError(stop - 1, self.method.rho, norms)
        return HistoryRow(
            epoch=self.epoch.number + 1,
            steps=steps,
            passes=self.epoch.passes,
            perturbed=self.epoch.perturbed,
            lr=self.epoch.lr,
            rho=self.method.rho,
            loss=self.trace.mean_loss(stop - steps, stop),
            train_loss=train.loss,
            train_accuracy=train.accuracy,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on after the last interval as if nothing had happened; equal on all ranks."""
        return {
            "model": self.model.state_dict(),
            "schedule": self.schedule.state_dict(),
            "method": self.method.state_dict(),
            "trace": self.trace.state_dict(),
            "history": [list(astuple(row)) for row in self.history],
            "epoch": asdict(self.epoch),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises an exception of any kind if it is none of this run."""
        epoch, history = Epoch(**state["epoch"]), [HistoryRow(*values) for values in state["history"]]
        if wrong := next(filter(None, map(impossible, (epoch, *history))), None):
            raise ValueError(f"its {wrong}")
        every = self.training.measure_every
        if [row.epoch for row in history] != list(range(every, epoch.number + 1, every)):
            raise ValueError(f"its history has {len(history)} lines, {epoch.number} epochs are done")
        if not 0 <= epoch.steps < self.steps_per_epoch or epoch.number > self.training.epochs:
            raise ValueError(f"it stopped after {epoch.number} epochs and {epoch.steps} steps")
        self.model.load_state_dict(state["model"])
        self.schedule.load_state_dict(state["schedule"])
        self.method.load_state_dict(state["method"])
        self.trace.load_state_dict(state["trace"])
        self.history, self.epoch = history, epoch


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
