"""The training loop: one epoch at a time, resumable between epochs to the same bytes."""

import math
from dataclasses import astuple
from typing import Any

import torch
from torch.nn.functional import cross_entropy

import lets.models
from lets.optim import DivergenceError, create
from lets.optim.catalogue import METHODS
from lets.records.history import HistoryRow
from lets.spec import RunSpec, seed_for
from lets.train.data import Batch, RunData
from lets.train.evaluation import evaluate
from lets.train.optimizer import build_optimizer, build_schedule
from lets.train.trace import Trace


class Training:
    """Model, method, schedule and what they have done so far."""

    def __init__(self, spec: RunSpec, data: RunData, device: torch.device) -> None:
        self.spec, self.data, self.training = spec, data, spec.training
        self.steps_per_epoch = len(data.train)
        total_steps = self.training.epochs * self.steps_per_epoch
        torch.manual_seed(spec.seeds()["init"])
        # Made on the CPU, so that a GPU run starts from the same weights.
        self.model = lets.models.create(spec.architecture, data.classes, data.image).to(device)
        self.optimizer = build_optimizer(self.model, self.training.optimizer)
        info = METHODS[spec.method]
        settings: dict[str, Any] = dict(spec.hyperparameters)
        if "seed" in info.hyperparameters:
            settings["seed"] = spec.seeds()["method"]
        self.method = create(spec.method, self.model, self.optimizer, total_steps=total_steps, **settings)
        # After the method: GSAM reads the full learning rate, which a warm-up has not reached yet.
        self.schedule = build_schedule(self.optimizer, self.training, self.steps_per_epoch)
        self.learned = info.needs_validation
        self.trace = Trace(total_steps, self.learned, device)
        self.history: list[HistoryRow] = []

    @property
    def finished(self) -> bool:
        """Whether every epoch is done."""
        return len(self.history) == self.training.epochs

    def loss(self, batch: Batch) -> torch.Tensor:
        """Per-sample cross-entropy of a batch, shape [n]."""
        images, labels = batch
        smoothing = self.training.label_smoothing
        return cross_entropy(self.model(images), labels, reduction="none", label_smoothing=smoothing)

    def run_epoch(self) -> HistoryRow:
        """Train one epoch, measure, and append to the history; raises DivergenceError."""
        epoch = len(self.history)
        # Dropout draws from torch's global generator: seeded anew, an epoch needs no state from the one before.
        torch.manual_seed(seed_for("dropout", self.spec.seeds()["dropout"], epoch))
        self.model.train()
        passes = perturbed = 0
        start = epoch * self.steps_per_epoch
        for step, (batch, val_batch) in enumerate(self.data.pairs(epoch, self.training.val_batches), start):
            stats = self.method.step(self.loss, batch, val_batch if self.learned else None)
            self.trace.record(step, stats)
            passes, perturbed = passes + stats.passes, perturbed + bool(stats.perturbed)
            lr = self.optimizer.param_groups[0]["lr"]
            if self.training.schedule.per == "step":
                self.schedule.step()
        if self.training.schedule.per == "epoch":
            self.schedule.step()
        self.method.end_epoch()
        self.history.append(self._measure(epoch, start, passes, perturbed, lr))
        return self.history[-1]

    def _measure(self, epoch: int, start: int, passes: int, perturbed: int, lr: float) -> HistoryRow:
        train, test = evaluate(self.model, self.data.train), evaluate(self.model, self.data.test)
        stop = start + self.steps_per_epoch
        if not math.isfinite(train.loss + test.loss):
            norms = {"training loss": train.loss, "test loss": test.loss}
            raise DivergenceError(stop - 1, self.method.rho, norms)
        return HistoryRow(
            epoch=epoch + 1,
            steps=self.steps_per_epoch,
            passes=passes,
            perturbed=perturbed,
            lr=lr,
            rho=self.method.rho,
            loss=self.trace.mean_loss(start, stop),
            train_loss=train.loss,
            train_accuracy=train.accuracy,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on after the last epoch as if nothing had happened."""
        return {
            "model": self.model.state_dict(),
            "schedule": self.schedule.state_dict(),
            "method": self.method.state_dict(),
            "trace": self.trace.state_dict(),
            "history": [list(astuple(row)) for row in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.model.load_state_dict(state["model"])
        self.schedule.load_state_dict(state["schedule"])
        self.method.load_state_dict(state["method"])
        self.trace.load_state_dict(state["trace"])
        self.history = [HistoryRow(*values) for values in state["history"]]
