"""What became of one run: its numbers, or why it has none."""

from dataclasses import dataclass
from typing import Any, Literal

from lets.data.catalogue import describe
from lets.errors import RecordError
from lets.records import Metrics, RunRecord, Status
from lets.results.quantities import SCORES
from lets.spec import Layout, RunSpec

State = Literal["finished", "diverged", "missing", "partial", "unreadable"]
STATES: tuple[State, ...] = ("finished", "diverged", "missing", "partial", "unreadable")
TO_DO: tuple[State, ...] = ("missing", "partial", "unreadable")
"""states of a run that is still to be made, or to be made again"""


@dataclass(frozen=True)
class Outcome:
    """A run that was asked for; `metrics` if it finished or diverged, `reason` in words if not finished."""

    spec: RunSpec
    state: State
    metrics: Metrics | None = None
    reason: str = ""

    @property
    def id(self) -> str:
        """The run id."""
        return self.spec.id

    def value(self, metric: str) -> float | None:
        """Return one number of a finished run; None for every other state.

        `score` is what the data set is usually judged by: accuracy, BLEU, Matthews' correlation.
        """
        if self.state != "finished" or self.metrics is None:
            return None
        name = describe(self.spec.dataset).metric if metric == "score" else metric
        if name in SCORES and self.metrics.scores:
            return self.metrics.scores.get(name)
        value: float | None = getattr(self.metrics, "test_accuracy" if name == "accuracy" else name, None)
        return value

    @property
    def radius_moved(self) -> float | None:
        """How far the learned radius of a finished run ended from its start, relative to it; None without one."""
        start, end = self.spec.hyperparameters.get("rho"), self.metrics.rho if self.metrics else None
        if self.state != "finished" or end is None or not start or "rho_lr" not in self.spec.hyperparameters:
            return None
        return abs(end / float(start) - 1)  # type: ignore[arg-type]

    def field(self, name: str) -> Any:
        """Return one field of the variant, hashable; None if the run has no such hyper-parameter."""
        value = self.spec.variant.get(name)
        return tuple(value) if isinstance(value, list) else value


def read_outcome(spec: RunSpec, layout: Layout) -> Outcome:
    """Read what became of a run; a damaged folder is an outcome (`unreadable`), never an exception."""
    record = RunRecord.at(layout, spec.id)
    try:
        if record.status == Status.MISSING:
            return Outcome(spec, "missing", reason="not trained yet")
        if record.status == Status.PARTIAL:
            return Outcome(spec, "partial", reason=f"interrupted or damaged: no {', '.join(record.absent)}")
        metrics = record.metrics
    except RecordError as error:
        return Outcome(spec, "unreadable", reason=str(error))
    if metrics.run != spec.id:
        return Outcome(spec, "unreadable", reason=f"metrics.json is of another run, {metrics.run}")
    if metrics.divergence:
        step, rho = metrics.divergence.step, metrics.divergence.rho
        return Outcome(spec, "diverged", metrics, f"step {step}" + ("" if rho is None else f", rho {rho:g}"))
    return Outcome(spec, "finished", metrics)
