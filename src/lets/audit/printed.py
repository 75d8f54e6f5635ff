"""The places where a number is printed, and the runs each of them rests on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lets.report.labels import value_title
from lets.spec import Matrix, Params, RunSpec
from lets.spec.claims import ANALYSED
from lets.spec.matches import SETTING, Learned, Match, by_setting, learned, matches
from lets.spec.params import (
    AgainstPaper,
    Analysis,
    Bars,
    Baselines,
    Comparison,
    Cost,
    Curves,
    Pareto,
    Ranking,
    Selection,
    Sensitivity,
    Starts,
    Table,
)
from lets.spec.selections import RUN_FIELDS


@dataclass(frozen=True)
class Printed:
    """A cell of a table, or a line, bar, point or panel of a figure: `table1: SAM × ResNet (small)`."""

    item: str
    place: str
    runs: tuple[str, ...]
    reads: frozenset[str] = frozenset({"final"})
    """what it shows of them, by the names of `reads`"""

    @property
    def name(self) -> str:
        """Item and place."""
        return f"{self.item}: {self.place}"


def printed(params: Params, matrix: Matrix) -> Iterator[Printed]:
    """Yield every printed place of a params file, in its order."""
    for name, item in {**params.tables, **params.figures}.items():
        found = reads(item, params)
        yield from (replace(one, reads=found) for one in _places(name, item, matrix))


def reads(item: Selection, params: Params) -> frozenset[str]:
    """Return what a table or figure shows of its runs, as far as that is proved in different ways.

    final: numbers that the final weights give; course: those of epochs before; loss: of mini-batches; schedule,
    passes, radius: of its steps; or the kind of an analysis.
    """
    match item:
        case Analysis():
            return frozenset({item.kind})
        case Curves():
            return frozenset({_OF_EPOCHS.get(item.metric, "course")})
        case Cost() | Pareto() | Baselines():
            return frozenset({number_read(item.metric), "passes"})
        case Starts():
            return frozenset({number_read(item.metric), "radius"})
        case AgainstPaper():
            beside = [one for one in params.tables.values() if isinstance(one, Table) and one.paper]
            return frozenset(number_read(one.metric) for one in beside)
        case Table() | Comparison() | Ranking() | Sensitivity() | Bars():
            return frozenset({number_read(item.metric)})
    raise AssertionError(type(item))


_OF_EPOCHS = {"rho": "radius", "lr": "schedule", "loss": "loss"}


def number_read(metric: str) -> str:
    """Return what a number of a run record, or one that a claim is about, is among those of `reads`."""
    others = {"best_test_accuracy": "course", "rho": "radius", "mean_loss": "loss"}
    return ANALYSED.get(metric, others.get(metric, "final"))


def fields(item: Selection) -> tuple[str, ...]:
    """Return the fields of a run that say where in a table or figure it is printed."""
    match item:
        case Table():
            return (item.rows, *item.columns)
        case Sensitivity():
            return ("method", item.x)
        case Curves() | Bars() | Cost() | Pareto():
            return ("method", item.panels)
        case Comparison():
            return ("method", "against", *SETTING)
        case AgainstPaper():
            return ("method", *SETTING)
        case Starts():
            return ("experiment", "method", *SETTING)
        case Baselines():
            return ("experiment", "method", *SETTING, "against")
    return ("method",)


def place(names: tuple[str, ...], run: RunSpec) -> str:
    """Return the place of a run for people; hyper-parameters carry their name: `LETS-ASAM × rho 0.05`."""
    parts = []
    for name in names:
        title = value_title(name, run.variant.get(name))
        parts.append(title if name in RUN_FIELDS else f"{name} {title}")
    return " × ".join(parts)


def compared(match: Match) -> str:
    """Return the place of a comparison: `LETS-SAM against SAM × Digits × clean labels × ResNet (small)`."""
    methods = (value_title("method", method) for method in (match.method, match.against))
    setting = zip(SETTING, match.setting, strict=True)
    return " × ".join([" against ".join(methods), *(value_title(field, value) for field, value in setting)])


def corrected(where: str) -> str:
    """Return the place of what Holm's correction makes of a comparison: it rests on all runs of the table."""
    return f"{where} × Holm"


def _places(name: str, item: Selection, matrix: Matrix) -> Iterator[Printed]:
    match item:
        case Comparison():
            yield from _comparisons(name, matches(item, matrix.select(item)))
        case Starts() | Baselines():
            yield from _readings(name, item, matrix)
        case Ranking():
            runs = matrix.select(item)
            for where in dict.fromkeys(place(fields(item), run) for run in runs):
                yield Printed(name, where, tuple(run.id for run in runs))
        case _:
            yield from _by_fields(name, item, matrix)


def _comparisons(name: str, found: list[Match]) -> Iterator[Printed]:
    every = tuple(dict.fromkeys(run.id for match in found for run in match.runs))
    for match in found:
        yield Printed(name, compared(match), tuple(run.id for run in match.runs))
        yield Printed(name, corrected(compared(match)), every)


def reading(one: Learned) -> str:
    """Return the place of a reading of LETS: `literal × LETS-SAM × Digits × clean labels × ResNet (small)`."""
    setting = zip(("method", *SETTING), (one.method, *one.setting), strict=True)
    return " × ".join([one.experiment, *(value_title(field, value) for field, value in setting)])


def _readings(name: str, item: Starts | Baselines, matrix: Matrix) -> Iterator[Printed]:
    """What a reading is held against counts too: all fixed radii of its method in its setting."""
    chosen = matrix.chosen(item)
    fixed = by_setting(chosen)
    for one in learned(item, matrix):
        against = fixed[one.setting] if isinstance(item, Baselines) else []
        runs = [*one.runs, *(run for run in against if run.method == one.base)]
        yield Printed(name, reading(one), tuple(run.id for run in runs))
        yield Printed(name, corrected(reading(one)), tuple(run.id for run in chosen))


def _by_fields(name: str, item: Selection, matrix: Matrix) -> Iterator[Printed]:
    groups: dict[str, list[str]] = {}
    for run in matrix.analysed(item) if isinstance(item, Analysis) else matrix.select(item):
        groups.setdefault(place(fields(item), run), []).append(run.id)
    for where, runs in groups.items():
        yield Printed(name, where, tuple(runs))
