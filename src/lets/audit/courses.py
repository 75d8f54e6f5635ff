"""Checks: the course of a training against its spec, its method and its trace.

A history could claim anything of its epochs but the last, whose weights are there. What spec and method decide is
worked out again; the rest is held against the trace, which is no more than a record either.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise, product
from typing import TYPE_CHECKING

from lets.audit.case import Case
from lets.audit.expected import (
    Pattern,
    learning_rates,
    learning_steps,
    learns_radius,
    passes,
    perturbed_steps,
    radii,
)
from lets.audit.findings import Check, Finding, damaged
from lets.config import RunSpec
from lets.config.effort import steps as foretold
from lets.data.catalogue import describe
from lets.runs import RunRecord
from lets.runs.history import HistoryRow

if TYPE_CHECKING:
    from lets.runs.history import Columns

EXACT = 1e-9
LOW = 1e-3
"""Relative: a mean over many samples, rounded"""
LEAST = {"regression": 0.25}
"""What a wrong answer costs at least. A class or word that is not the likeliest has a probability of ½ at most, so
its cross-entropy is log 2 or more; a value further than ½ away has a squared error above ¼."""
RADIUS = 1e-5
"""Relative: hyper-gradients are float32, and Adam divides by their size"""


@dataclass(frozen=True)
class Course:
    """What a run says of its epochs and steps; the trace is as long as the training that was asked for."""

    spec: RunSpec
    rows: list[HistoryRow]
    trace: "Columns"

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return self.rows[0].steps // self.spec.training.measure_every

    @property
    def epochs(self) -> Iterator[tuple[HistoryRow, slice]]:
        """Every line of the history, and its steps."""
        bounds = pairwise(accumulate((row.steps for row in self.rows), initial=0))
        return ((row, slice(*bound)) for row, bound in zip(self.rows, bounds, strict=True))

    @cached_property
    def rates(self) -> Callable[[int], float]:
        """Step → learning rate, by the spec."""
        return learning_rates(self.spec, self.per_epoch)

    @cached_property
    def perturbed(self) -> Pattern | None:
        """The steps that the method perturbs; None if it looks at gradients."""
        return perturbed_steps(self.spec, len(self.taken))

    @cached_property
    def taken(self) -> list[float]:
        """The hyper-gradient of every step; NaN where none was taken."""
        steps = sum(row.steps for row in self.rows)
        column = self.trace.get("hypergradient")
        return [math.nan] * steps if column is None else [float(one) for one in column[:steps]]


@dataclass(frozen=True)
class Part:
    """What is checked of a course; what `reasons` finds nothing against is confirmed if the spec has `decided` it."""

    name: str
    about: str
    reasons: Callable[[Course], Iterator[str]]
    decided: Callable[[Course], bool]


def check_courses(case: Case) -> tuple[Check, ...]:
    """Perform the checks of all parts; every course is read once, and none is kept."""
    failures, confirmed, examined = defaultdict[str, list[Finding]](list), defaultdict[str, set[str]](set), 0
    for record in case.complete():
        if (course := _course(case, record)) is None:
            continue  # named by the check of the numbers
        examined += 1
        for part in PARTS:
            found = [damaged(case, record.id, reason) for reason in part.reasons(course)]
            failures[part.name] += found
            if not found and part.decided(course):
                confirmed[part.name].add(record.id)
    return tuple(
        Check(
            part.name,
            part.about,
            examined,
            tuple(failures[part.name]),
            confirmed=frozenset(confirmed[part.name]),
        )
        for part in PARTS
    )


def _course(case: Case, record: RunRecord) -> Course | None:
    spec, rows, trace = case.matrix.runs[record.id], record.history, record.trace()
    counted = rows and rows[0].steps >= spec.training.measure_every
    return (
        Course(spec, rows, trace) if counted and len(trace["rho"]) >= sum(row.steps for row in rows) else None
    )


def _schedule(course: Course) -> Iterator[str]:
    spec = course.spec
    per_epoch = course.per_epoch if describe(spec.dataset).tokens else foretold(spec) // spec.training.epochs
    wanted = per_epoch * spec.training.measure_every
    for row, steps in course.epochs:
        if row.steps != wanted:
            yield f"history.csv says {row.steps} steps in epoch {row.epoch}, its data and batches give {wanted}"
            return
        if not math.isclose(row.lr, rate := course.rates(steps.stop - 1), rel_tol=EXACT):
            yield f"history.csv says lr = {row.lr} in epoch {row.epoch}, its schedule gives {rate}"
            return


def _losses(course: Course) -> Iterator[str]:
    least = LEAST.get(describe(course.spec.dataset).task, math.log(2))
    for row, part in product(course.rows, ("train", "test")):
        loss, accuracy = getattr(row, f"{part}_loss"), getattr(row, f"{part}_accuracy")
        if not 0 <= accuracy <= 100 or loss < (lowest := least * (1 - accuracy / 100)) * (1 - LOW):
            yield (
                f"history.csv says {part}_loss = {loss} with {part}_accuracy = {accuracy} in epoch {row.epoch}"
                + (f", wrong answers alone cost {lowest:.4g}" if 0 <= accuracy <= 100 else "")
            )
            return


def _pattern(course: Course) -> Pattern | None:
    """The perturbed steps, as far as the method or the trace tells."""
    if course.perturbed is None and course.spec.hyperparameters.get("rho_every") == 1:
        return [not math.isnan(one) for one in course.taken]
    return course.perturbed


def _passes(course: Course) -> Iterator[str]:
    from lets.train.loop import STRETCH

    pattern = _pattern(course)
    learned = [not math.isnan(one) for one in course.taken]
    if pattern is not None and learned != learning_steps(course.spec, pattern):
        yield "trace.safetensors has hyper-gradients at other steps than those on which its radius learns"
        return
    for row, steps in course.epochs:
        where = f"history.csv says {{}} in epoch {row.epoch}, "
        if pattern is not None and row.perturbed != sum(pattern[steps]):
            yield (
                where.format(f"{row.perturbed} perturbed steps")
                + f"its method perturbs {sum(pattern[steps])}"
            )
            return
        if not sum(learned[steps]) <= row.perturbed <= row.steps:
            yield where.format(f"{row.perturbed} perturbed steps") + f"which has {row.steps} steps"
            return
        guess = [*[True] * row.perturbed, *[False] * (row.steps - row.perturbed)]
        spent, saved = passes(course.spec, guess, learned[steps], course.per_epoch, STRETCH)
        if not spent - saved <= row.passes <= spent:
            takes = f"{spent - saved} to {spent}" if saved else f"{spent}"
            yield where.format(f"{row.passes} passes") + f"its method takes {takes}"
            return


def _decided(course: Course) -> bool:
    """Whether passes are what spec and method leave no choice about, not merely possible."""
    from lets.train.loop import STRETCH

    pattern = course.perturbed
    if pattern is None:
        return False
    learning = learning_steps(course.spec, pattern)
    found = (
        passes(course.spec, pattern[steps], learning[steps], course.per_epoch, STRETCH)
        for _, steps in course.epochs
    )
    return [row.passes for row in course.rows] == [spent - saved for spent, saved in found]


def _radii(course: Course) -> Iterator[str]:
    if learns_radius(course.spec) and "hypergradient" not in course.trace:
        yield "trace.safetensors has no hyper-gradients, and its radius is learned"
        return
    now = list(radii(course.spec, course.rates, course.per_epoch, course.taken))
    for step, (said, wanted) in enumerate(zip(course.trace["rho"], now[:-1], strict=False)):
        if not math.isclose(said, wanted, rel_tol=RADIUS):
            yield f"trace.safetensors says rho = {said} at step {step}, {_source(course)} {wanted}"
            return
    yield from _after_epochs(course, now)


def _after_epochs(course: Course, now: Sequence[float]) -> Iterator[str]:
    for row, steps in course.epochs:
        if not math.isclose(row.rho, now[steps.stop], rel_tol=RADIUS):
            yield f"history.csv says rho = {row.rho} after epoch {row.epoch}, {_source(course)} {now[steps.stop]}"
            return


def _source(course: Course) -> str:
    return "its hyper-gradients give" if learns_radius(course.spec) else "its spec gives"


PARTS = (
    Part(
        "losses", "losses of every epoch, no lower than its wrong answers allow", _losses, lambda one: False
    ),
    Part("schedule", "steps and learning rates of every epoch, from the spec", _schedule, lambda one: True),
    Part("passes", "perturbed steps and passes of every epoch, from the method", _passes, _decided),
    Part(
        "radius",
        "radii of every step, from the spec or the trace's hyper-gradients",
        _radii,
        lambda one: not learns_radius(one.spec),
    ),
)
"""Losses and accuracies of every epoch can be those of one network: that they are, only training again proves.
Passes of an adaptive method can be bounded alone; learned radii follow from hyper-gradients that the trace says were
taken."""
