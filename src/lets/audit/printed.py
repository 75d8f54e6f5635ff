"""The places where a number is printed, and the runs each of them rests on."""

from collections.abc import Iterator
from dataclasses import dataclass

from lets.report.labels import value_title
from lets.spec import Matrix, Params, RunSpec
from lets.spec.checks import RUN_FIELDS
from lets.spec.params import Analysis, Bars, Curves, Selection, Sensitivity, Table


@dataclass(frozen=True)
class Printed:
    """A cell of a table, or a line, bar, point or panel of a figure: `table1: SAM × ResNet (small)`."""

    item: str
    place: str
    runs: tuple[str, ...]

    @property
    def name(self) -> str:
        """Item and place."""
        return f"{self.item}: {self.place}"


def printed(params: Params, matrix: Matrix) -> Iterator[Printed]:
    """Yield every printed place of a params file, in its order."""
    for name, item in {**params.tables, **params.figures}.items():
        yield from _places(name, item, matrix)


def fields(item: Selection) -> tuple[str, ...]:
    """Return the fields of a run that say where in a table or figure it is printed."""
    match item:
        case Table():
            return (item.rows, *item.columns)
        case Sensitivity():
            return ("method", item.x)
        case Curves() | Bars():
            return ("method", item.panels)
    return ("method",)


def place(names: tuple[str, ...], run: RunSpec) -> str:
    """Return the place of a run for people; hyper-parameters carry their name: `LETS-ASAM × rho 0.05`."""
    parts = []
    for name in names:
        title = value_title(name, run.variant.get(name))
        parts.append(title if name in RUN_FIELDS else f"{name} {title}")
    return " × ".join(parts)


def _places(name: str, item: Selection, matrix: Matrix) -> Iterator[Printed]:
    groups: dict[str, list[str]] = {}
    for run in matrix.analysed(item) if isinstance(item, Analysis) else matrix.select(item):
        groups.setdefault(place(fields(item), run), []).append(run.id)
    for where, runs in groups.items():
        yield Printed(name, where, tuple(runs))
