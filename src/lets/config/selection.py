"""Which runs a table or figure shows: the base of every kind, and what all kinds check."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

import lets.data.catalogue
import lets.models.catalogue
from lets.config.matrix import SETTING, Matrix, Setting, meets
from lets.config.messages import Location, Problem, line, one_of, or_near, renamed, same, short
from lets.config.paths import Layout
from lets.config.run import RunSpec
from lets.config.strict import Name, Scalar, Strict
from lets.optim.catalogue import METHODS

RunMetric = Literal[
    "test_accuracy",
    "best_test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "generalization_gap",
    "rho",
    "score",
    "accuracy_mismatched",
    "bleu",
    "sacrebleu",
    "matthews",
    "f1",
    "pearson",
    "spearman",
    "held_out_accuracy",
]
"""score is what the data set is usually judged by: accuracy, BLEU, Matthews' correlation, …; held_out_accuracy is what
one may choose settings by"""
EpochMetric = Literal[
    "test_accuracy", "test_loss", "train_accuracy", "train_loss", "generalization_gap", "rho", "lr", "loss"
]
Where = dict[str, list[Scalar]]


class Selection(Strict):
    """Which runs a table or a figure shows."""

    title: str = Field(examples=["Test accuracy (%)"])
    experiments: Annotated[list[Name], Field(min_length=1)]
    where: Where = Field(default={})
    """keep only the runs whose field (dataset, method, rho, …) has one of these values"""

    axes: ClassVar[tuple[str, ...]] = ()
    """those of the fields below that name a field of a run"""

    def chosen(self, matrix: Matrix) -> list[RunSpec]:
        """Return the runs of its experiments that meet its conditions, in the order of the params file."""
        return [run for run in matrix.of(self.experiments) if meets(run, self.where)]

    def select(self, matrix: Matrix) -> list[RunSpec]:
        """Return the runs that it shows."""
        return self.chosen(matrix)

    def behind(self, matrix: Matrix) -> list[RunSpec]:
        """Return those of them whose numbers it shows."""
        return self.select(matrix)

    def files(self, matrix: Matrix, layout: Layout) -> list[Path]:
        """Return what it is made from: all files of its runs, for it leaves a run out that lacks one."""
        return [path for run in self.select(matrix) for path in layout.run_files(run.id)]

    def named_fields(self) -> Iterator[tuple[Location, str]]:
        """Yield every field of a run that it names, and where."""
        yield from ((("where", field), field) for field in self.where)
        yield from (((key,), getattr(self, key)) for key in self.axes)

    def grouped_by(self) -> tuple[str, ...]:
        """Return the fields of a run by which it groups runs for a mean over seeds; empty if it groups otherwise."""
        return ()

    def problems(self, at: Location, matrix: Matrix) -> Iterator[Problem]:
        """Yield what it cannot show of its runs, of which there are some; `at` is where it stands in the file."""
        yield from ()

    def reads(self, tables: Mapping[str, "Selection"]) -> frozenset[str]:
        """Return which checks of the audit must confirm its numbers: a set of names, `tables` being those beside it.

        final: numbers that the final weights give; course: those of epochs before; loss: of mini-batches; schedule,
        passes, radius: of its steps; or the kind of an analysis (`lets.audit.verdicts`).
        """
        return frozenset({read_for(getattr(self, "metric", "test_accuracy"))})

    def narrowed(self, kept: Sequence[str], matrix: Matrix) -> dict[str, Any]:
        """Return its fields that name what is not among the `kept` experiments of a smaller matrix, without it."""
        changed: dict[str, Any] = {"experiments": [name for name in self.experiments if name in kept]}
        runs = matrix.of(changed["experiments"])
        if self.where:
            changed["where"] = {
                field: [
                    value
                    for value in values
                    if any(meets(run, {**self.where, field: [value]}) for run in runs)
                ]
                for field, values in self.where.items()
            }
        return changed


def read_for(metric: str) -> str:
    """Return what a number of a run is among those of `Selection.reads`."""
    return {"best_test_accuracy": "course", "rho": "radius", "mean_loss": "loss"}.get(metric, "final")


def unselectable(at: Location, item: Selection, matrix: Matrix) -> Iterator[Problem]:
    """Yield the fields that no run of its experiments has, and the values of conditions that none has there.

    A value that no run has would leave its line out of a figure, and nobody would see it.
    """
    runs = matrix.of(item.experiments)
    for place, field in item.named_fields():
        if not any(field in run.variant for run in runs):
            fields = list(dict.fromkeys(name for run in runs for name in run.variant))
            yield (*at, *place), f"{field!r} – no run of it has one – {nearest_field(field, fields, place)}"
            return
    there = {field: values_of(runs, field) for field in item.where}
    wrong = list(_unmet(at, item, there, "no run of it has this value"))
    if not wrong:
        for field in item.where:
            others = {name: values for name, values in item.where.items() if name != field}
            there[field] = values_of([run for run in runs if meets(run, others)], field)
        wrong = list(_unmet(at, item, there, "no run has it that meets the other conditions"))
    if not wrong and not item.chosen(matrix):
        yield (*at, "where"), f"{item.where} – no run is like this – delete where"
    yield from wrong


def nearest_field(name: str, fields: Sequence[str], place: Location) -> str:
    """Return the field that was likely meant: of a condition its key, elsewhere the value."""
    return renamed(name, fields) if place[0] == "where" else or_near(name, fields, place)


def absent_value(place: Location, value: Scalar, there: Sequence[Scalar], reason: str) -> Iterator[Problem]:
    """Yield that a value is not among those that are there, and what was likely meant."""
    if not any(same(value, one) for one in there):
        names = {*METHODS, *lets.data.catalogue.names(), *lets.models.catalogue.names()}
        remedy = one_of(there) if str(value) in names else or_near(value, there, place)  # a name is no slip
        yield place, f"{short(value)} – {reason} – {remedy}"


def values_of(runs: list[RunSpec], field: str) -> list[Scalar]:
    """The different values of a field, as they first appear; runs of methods without it have none."""
    values: list[Scalar] = []
    for value in (run.variant[field] for run in runs if field in run.variant):
        if not any(same(value, one) for one in values):
            values.append(value)
    return values


def trained_alike(at: Location, setting: Setting, runs: Sequence[RunSpec]) -> Iterator[Problem]:
    """Yield that runs which are compared differ in their training, not in their method alone."""
    first = runs[0]
    other = next((run for run in runs if run.training != first.training), None)
    if other is not None:
        where = ", ".join(f"{field} {value}" for field, value in zip(SETTING, setting, strict=True))
        key = next(name for name, value in first.training if value != getattr(other.training, name))
        reason = f"{first.method} and {other.method} of {where} differ in the {key} of their training too"
        yield (
            (*at, "experiments"),
            f"made of runs that cannot be compared – {reason} – select fewer experiments",
        )


def mixture(runs: Sequence[RunSpec], fields: Sequence[str], where: Where | None = None) -> Problem | None:
    """Return why runs with equal `fields` have no mean, two of them differing in more than the seed, if so it is.

    Its place is a key of what shows them under the conditions `where`.
    """
    firsts: dict[tuple[str, ...], RunSpec] = {}
    for run in runs:
        key = tuple(str(run.variant.get(name)) for name in fields)
        first = firsts.setdefault(key, run)
        if not run.repeats(first):
            return _mixed(f"the mean of {', '.join(key)}", first, run, where or {})
    return None


def _mixed(mean: str, one: RunSpec, other: RunSpec, where: Where) -> Problem:
    fields = {**one.variant, "training": one.training}
    others = {**other.variant, "training": other.training}
    name = next(name for name in [*fields, *others] if fields.get(name) != others.get(name))
    reason = f"its runs differ in {name}, not in their seed alone"
    if name == "training":
        return ("experiments",), f"{mean} – {reason} – choose fewer of them"
    narrower = line(("where",), {**where, name: [fields.get(name, others.get(name))]})
    return ("where",), f"{mean} – {reason}; group by {name} too, or keep one value – write  {narrower}"


def _unmet(at: Location, item: Selection, there: dict[str, list[Scalar]], reason: str) -> Iterator[Problem]:
    for field, values in item.where.items():
        for index, value in enumerate(values):
            yield from absent_value((*at, "where", field, index), value, there[field], reason)
