"""How far LETS's surrogates are from the true hyper-gradient, along a whole training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lets.analyses.hypergradient import Estimator, probes_of, probes_text
from lets.config import RunSpec
from lets.config.paths import Layout
from lets.optim import DivergenceError, Method
from lets.optim.passes import Gradient
from lets.optim.undo import Buffers
from lets.optim.upper_level import Curvature, Perturbation, UpperLevel, hypergradient
from lets.optim.vectors import Vector
from lets.train.loop import Training
from lets.train.run_data import RunData
from lets.train.startup import leave_out_the_compiler


@dataclass(frozen=True)
class Taken:
    """What each estimator gave at one step: the hyper-gradient, and the cosine between its g_b and the exact one.

    `step` counts from 0; the exact g_b is that of the same direction.
    """

    step: int
    rho: float
    estimators: dict[Estimator, tuple[float, float]]


class AllEstimators(UpperLevel):
    """Takes the place of a method's upper level; on every `every`-th step it takes all the other estimators as well.

    The method computes and learns what it would without it, to the last bit. Only steps on which the
    radius learns have a hyper-gradient: a step that does not perturb leaves nothing in `taken`.
    """

    def __init__(self, method: Method, model: nn.Module, every: int) -> None:
        own = method._upper_level
        assert own is not None, f"{method.info.name} learns no radius"
        super().__init__(own._metric, own._direction, own._hessian, own._descent)
        self._method, self._model, self._every = method, model, every
        self._now: dict[Estimator, Vector] = {}
        self._rho = torch.zeros(())
        self.taken: list[Taken] = []
        # Nobody but this analysis looks inside a method; a hook for it would be one more thing to know for all.
        method._upper_level = self

    def response(self, step: Perturbation, exact: Curvature) -> Callable[[Vector], Vector]:
        """The method's own response, which on its way also takes all others."""
        own, self._rho = super().response(step, exact), step.rho
        if self._method._steps % self._every:
            return own
        others = {estimator: self._level(estimator).response(step, exact) for estimator in self._estimators()}

        def with_the_others(train: Vector) -> Vector:
            with self._unnoticed():
                self._now = {estimator: response(train) for estimator, response in others.items()}
            return own(train)

        return with_the_others

    def gradient(self, train: Gradient, validation: Gradient) -> Vector:
        """The method's own g_a, which completes the hyper-gradients of this step."""
        upper = super().gradient(train, validation)
        if self._now:
            estimators = {estimator: self._compared(upper, estimator) for estimator in self._now}
            self.taken.append(Taken(self._method._steps, float(self._rho), estimators))
        self._now = {}
        return upper

    def _estimators(self) -> list[Estimator]:
        """A finite difference answers along eps_hat only, and not at all if the gradients differ in their samples."""
        hessians = self._method.info.hyperparameters["hessian"].choices
        estimators = [
            (direction, hessian) for direction in ("algorithm", "derivation") for hessian in hessians
        ]
        return [estimator for estimator in estimators if estimator != ("algorithm", "finite-difference")]

    def _level(self, estimator: Estimator) -> UpperLevel:
        return UpperLevel(self._metric, *estimator, self._descent)

    def _compared(self, upper: Vector, estimator: Estimator) -> tuple[float, float]:
        direction, _ = estimator
        return float(hypergradient(upper, self._now[estimator])), _cosine(
            self._now[estimator], self._now[direction, "exact"]
        )

    @contextmanager
    def _unnoticed(self) -> Iterator[None]:
        """No buffer and no random number of the training is touched."""
        place = next(self._model.parameters()).device
        devices = [place] if place.type == "cuda" else []
        with torch.random.fork_rng(devices), Buffers(self._model.modules()).preserved():
            yield


def _cosine(a: Vector, b: Vector) -> float:
    cosine: Tensor = a.dot(b) / (a.norm() * b.norm())
    return float(cosine)


def compare_hypergradients(spec: RunSpec, layout: Layout, *, every: int, device: str) -> str:
    """Train a lets-* run once more, without its folder, and return the csv of its probes.

    Probes are taken at the steps 0, `every`, 2 `every`, … that perturb. The training is the run's own to
    the last bit; where it diverged, the csv ends.
    """
    leave_out_the_compiler()
    where = torch.device(device)
    training = Training(spec, RunData.read(spec, layout, where), where)
    estimators = AllEstimators(training.method, training.model, every)
    taken = estimators.taken
    try:
        while not training.finished:
            training.run_epoch()
    except DivergenceError as error:
        taken = [one for one in taken if one.step < error.step]
    return _csv(taken, training.steps_per_epoch)


def _csv(taken: list[Taken], steps_per_epoch: int) -> str:
    groups = [probes_of(one.step, one.step // steps_per_epoch + 1, one.rho, one.estimators) for one in taken]
    return probes_text([probe for group in groups for probe in group])
