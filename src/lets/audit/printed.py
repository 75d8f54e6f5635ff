"""The places where a number is printed, and the runs each of them rests on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lets.errors import LetsError
from lets.figures.figure import Figure
from lets.project import Project

WHOLE = "all of it"
"""the one place of a table that cannot be derived"""


@dataclass(frozen=True)
class Printed:
    """A cell of a table, or a line, bar, point or panel of a figure: `table1: SAM × ResNet (small)`."""

    item: str
    place: str
    runs: tuple[str, ...]
    reads: frozenset[str] = frozenset({"final"})
    """what it shows of them, by the names of `Selection.reads`"""

    @property
    def name(self) -> str:
        """Item and place."""
        return f"{self.item}: {self.place}"


def printed(project: Project) -> Iterator[Printed]:
    """Yield every printed place of a project, in the order of its params file."""
    for kind, items in (("tables", project.params.tables), ("figures", project.params.figures)):
        for name, item in items.items():
            reads = item.reads(project.params.tables)
            for place, runs in _places(name, kind, project).items():
                yield Printed(name, place, runs, reads)


def _places(name: str, kind: str, project: Project) -> Mapping[str, tuple[str, ...]]:
    """Return address → ids of the runs behind it."""
    if kind == "figures":
        figure: Figure = project.params.figures[name]
        return figure.places(project)
    try:
        return project.table(name).addresses
    except LetsError:
        runs = project.params.tables[name].behind(project.matrix)
        return {WHOLE: tuple(run.id for run in runs)}
