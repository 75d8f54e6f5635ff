"""What became of runs: one, all of a params file, and those that differ in their seed alone."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

from lets.config import RunSpec
from lets.config.matrix import Matrix
from lets.config.params import Params
from lets.config.paths import Layout
from lets.config.selection import Selection, mixture
from lets.data.catalogue import describe
from lets.errors import RecordError, SpecError
from lets.runs import Metrics, RunRecord, Status
from lets.runs.metrics import SCORES
from lets.runs.provenance import Provenance

State = Literal["finished", "diverged", "missing", "partial", "unreadable"]


STATES: tuple[State, ...] = ("finished", "diverged", "missing", "partial", "unreadable")


TO_DO: tuple[State, ...] = ("missing", "partial", "unreadable")
"""states of a run that is still to be made, or to be made again"""


@dataclass(frozen=True)
class Outcome:
    """A run that was asked for; `metrics` if it finished or diverged, `reason` in words if not finished."""

    spec: RunSpec
    record: RunRecord
    """its folder: history, trace, provenance, weights"""
    state: State
    metrics: Metrics | None = None
    reason: str = ""

    @property
    def id(self) -> str:
        """The run id."""
        return self.spec.id

    @cached_property
    def provenance(self) -> Provenance | None:
        """Where a run that has ended comes from; None for every other, and where that cannot be read."""
        with suppress(RecordError):
            return self.record.provenance if self.metrics else None
        return None

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
    ended = partial(Outcome, spec, record)
    try:
        if record.status == Status.MISSING:
            return ended("missing", reason="not trained yet")
        if record.status == Status.PARTIAL:
            return ended("partial", reason=f"interrupted or damaged: no {', '.join(record.absent)}")
        metrics = record.metrics
    except RecordError as error:
        return ended("unreadable", reason=str(error))
    if metrics.run != spec.id:
        return ended("unreadable", reason=f"metrics.json is of another run, {metrics.run}")
    if metrics.divergence:
        step, rho = metrics.divergence.step, metrics.divergence.rho
        return ended("diverged", metrics, f"step {step}" + ("" if rho is None else f", rho {rho:g}"))
    return ended("finished", metrics)


@dataclass(frozen=True)
class Records:
    """The runs that a params file asks for; what of them is on disk is read when it is asked for, once: a snapshot.

    It is what tables, figures and analyses read.
    """

    params: Params
    matrix: Matrix
    layout: Layout
    _outcomes: dict[str, Outcome] = field(default_factory=dict, repr=False, compare=False, kw_only=True)

    @property
    def tables(self) -> Mapping[str, Selection]:
        """The tables made of them, if there are any: one compares what the others print."""
        return {}

    @cached_property
    def runs(self) -> Mapping[str, Outcome]:
        """Every run of the matrix by id, in the order of the params file: its numbers, or why it has none."""
        return {id: self.outcome(run) for id, run in self.matrix.runs.items()}

    def outcome(self, run: RunSpec) -> Outcome:
        """Return what became of one run."""
        if run.id not in self._outcomes:
            self._outcomes[run.id] = read_outcome(run, self.layout)
        return self._outcomes[run.id]

    def shown(self, item: Selection) -> list[Outcome]:
        """Return what became of the runs that a table or figure shows."""
        return [self.outcome(run) for run in item.select(self.matrix)]


Key = tuple[Any, ...]


def repeats(outcomes: Iterable[Outcome], fields: Sequence[str]) -> dict[Key, list[Outcome]]:
    """Group runs by the values of `fields`.

    Raises SpecError when a group holds runs that differ in more than the seed: their mean would mean nothing.
    """
    outcomes = list(outcomes)
    if problem := mixture([outcome.spec for outcome in outcomes], fields):
        raise SpecError(problem[1])
    groups: dict[Key, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(tuple(outcome.field(name) for name in fields), []).append(outcome)
    return groups


def in_order(keys: Iterable[Key]) -> list[Key]:
    """Return the different keys, sorted field by field, the values of a field as they first appear."""
    keys = list(dict.fromkeys(keys))
    places = [list(dict.fromkeys(values)) for values in zip(*keys, strict=True)]
    return sorted(
        keys, key=lambda key: [place.index(value) for place, value in zip(places, key, strict=True)]
    )
