"""Which printed place a line of a table or figure file belongs to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import ModuleType

from lets.audit.case import Case
from lets.audit.differences import Difference, split
from lets.audit.printed import Printed, compared, corrected, fields, place, reading
from lets.report import baselines_sheet, published_sheet, ranking_sheet, sharpness_sheet, starts_sheet
from lets.report.comparison_sheet import COLUMNS, CORRECTED, CORRECTED_FIELDS, pair_title
from lets.report.labels import setting_title, value_title
from lets.report.latex import escape
from lets.report.ways import hypergradient_ways
from lets.report.ways_sheet import blocks_of
from lets.results import pivot
from lets.results.against_paper import beside_paper
from lets.results.baselines import WAYS
from lets.spec.matches import learned, matches
from lets.spec.params import (
    AgainstPaper,
    AnyTable,
    Baselines,
    Comparison,
    Figure,
    Hypergradient,
    Ranking,
    Sharpness,
    Starts,
    Table,
)


@dataclass(frozen=True)
class Places:
    """The printed places of one item.

    `by_values` finds a place by what csv files hold, the values of `fields`, and where a line holds several
    places by the title of a column after them; `by_title` by what Markdown and
    LaTeX hold: the title of the block of rows (empty where there is one), of the row, the number of the column.
    """

    printed: tuple[Printed, ...]
    fields: tuple[str, ...]
    by_values: dict[tuple[str, ...], str]
    by_title: dict[tuple[str, str, int], str] = field(default_factory=dict)

    @property
    def all(self) -> tuple[str, ...]:
        """The names of all places."""
        return tuple(place.name for place in self.printed)

    @property
    def runs(self) -> set[str]:
        """Every run the item rests on."""
        return {run for place in self.printed for run in place.runs}

    def of(self, difference: Difference, suffix: str, derived: str) -> tuple[str, ...]:
        """Return the place that a difference touches: one name, or none for a title or a note."""
        lines = derived.split("\n")[: difference.line]
        found = (
            self._csv(lines, difference.field)
            if suffix == ".csv"
            else self._titled(lines, difference.field, suffix)
        )
        return (found,) if found else ()

    def _csv(self, lines: list[str], number: int) -> str | None:
        titles = split(lines[0], ".csv")
        named = zip(titles, split(lines[-1], ".csv"), strict=False)
        values = {name.rpartition(".")[2]: value for name, value in named if "." in name or name == "method"}
        key = tuple(values.get(name, "") for name in self.fields)
        return self.by_values.get((*key, titles[number]), self.by_values.get(key))

    def _titled(self, lines: list[str], number: int, suffix: str) -> str | None:
        blocks = {block for block, _, _ in self.by_title}
        above = (block for line in reversed(lines) for block in blocks if _heads(line, block))
        return self.by_title.get((next(above, ""), split(lines[-1], suffix)[0], number))


def _heads(line: str, block: str) -> bool:
    """Whether a line of Markdown or LaTeX is the title of a block of rows."""
    return bool(block) and (f"*{block}*" in line or f"{{{block}}}" in line)


def figure_places(name: str, figure: Figure | AnyTable, case: Case) -> Places:
    """Return the places of a figure (or of a table, as far as csv files know them)."""
    names = fields(figure)
    values = {}
    for run in case.matrix.select(figure):
        key = tuple("" if (value := run.variant.get(one)) is None else str(value) for one in names)
        values[key] = f"{name}: {place(names, run)}"
    return Places(_of(name, case), names, values)


def _of(name: str, case: Case) -> tuple[Printed, ...]:
    return tuple(one for one in case.printed if one.item == name)


def table_places(name: str, table: AnyTable, case: Case) -> Places:
    """Return the places of a table."""
    match table:
        case Hypergradient():
            return _ways(name, table, case)
        case Sharpness():
            return _by_method(name, table, case, len(list(sharpness_sheet.heads(table))))
        case Ranking():
            return _by_method(name, table, case, len(list(ranking_sheet.heads(table))))
        case Comparison():
            return _comparison(name, table, case)
        case AgainstPaper():
            return _beside_paper(name, table, case)
        case Starts():
            return _readings(name, table, case, starts_sheet, [()])
        case Baselines():
            return _readings(name, table, case, baselines_sheet, [(way,) for way in WAYS])
    return _pivot(name, table, case)


def _by_method(name: str, table: Sharpness | Ranking, case: Case, columns: int) -> Places:
    """The row of a method is one place: all its cells rest on the same runs."""
    places = figure_places(name, table, case)
    for run in case.matrix.select(table):
        title, where = value_title("method", run.method), f"{name}: {place(fields(table), run)}"
        _print(places, "", title, range(1, 1 + columns), where)
    return places


def _comparison(name: str, table: Comparison, case: Case) -> Places:
    """A row is two places: what rests on its own runs, and what the correction over all rows makes of it."""
    places = Places(_of(name, case), fields(table), {})
    for match in matches(table, case.matrix.select(table)):
        where, key = f"{name}: {compared(match)}", (match.method, match.against, *match.setting)
        places.by_values[key] = where
        places.by_values.update({(*key, column): corrected(where) for column in CORRECTED_FIELDS})
        title = setting_title(*match.setting)
        _print(places, pair_title(match), title, range(1, CORRECTED), where)
        _print(places, pair_title(match), title, range(CORRECTED, 1 + len(COLUMNS)), corrected(where))
    return places


def _readings(
    name: str, table: Starts | Baselines, case: Case, sheet: ModuleType, ways: Sequence[tuple[str, ...]]
) -> Places:
    """A row is two places, as in a comparison; the rows of a reading, one for each of `ways`, are the same two."""
    places = Places(_of(name, case), fields(table), {})
    for one, way in product(learned(table, case.matrix), ways):
        where, key = f"{name}: {reading(one)}", (one.experiment, one.method, *one.setting, *way)
        places.by_values[key] = where
        places.by_values.update({(*key, column): corrected(where) for column in sheet.CORRECTED_FIELDS})
        block = sheet.title_of(one.method, *way, one.setting)
        title = case.params.experiments[one.experiment].title or one.experiment
        _print(places, block, title, range(1, sheet.CORRECTED), where)
        _print(places, block, title, range(sheet.CORRECTED, 1 + len(sheet.heads(table))), corrected(where))
    return places


def _beside_paper(name: str, table: AgainstPaper, case: Case) -> Places:
    """The rows of a method in a setting are one place, whatever radius it starts from."""
    places = figure_places(name, table, case)
    for one in beside_paper(table, case.params, case.matrix, case.layout):
        where = f"{name}: {place(fields(table), one.cell.runs[0].spec)}"
        block, title = published_sheet.block_title(one), published_sheet.row_title(one)
        _print(places, block, title, range(1, 1 + len(published_sheet.COLUMNS)), where)
    return places


def _ways(name: str, table: Hypergradient, case: Case) -> Places:
    """The blocks of a run are one place: they rest on one analysis."""
    places = figure_places(name, table, case)
    for one in hypergradient_ways(table, case.matrix, case.layout).shown:
        where = f"{name}: {place(fields(table), one.run.spec)}"
        for block in blocks_of(one):
            for title, entries in block.rows:
                _print(places, block.title, title, range(1, len(entries) + 1), where)
    return places


def _pivot(name: str, table: Table, case: Case) -> Places:
    """The first of two column fields makes blocks of rows."""
    grid = pivot(table, case.params, case.matrix, case.layout)
    places = figure_places(name, table, case)
    numbers = {
        value: number for number, value in enumerate(dict.fromkeys(key[-1] for key in grid.columns), 1)
    }
    for (row, column), cell in grid.cells.items():
        if cell.runs:
            block = value_title(table.columns[0], column[0]) if len(column) > 1 else ""
            title = value_title(table.rows, row)
            where = f"{name}: {place(fields(table), cell.runs[0].spec)}"
            _print(places, block, title, [numbers[column[-1]]], where)
    return places


def _print(places: Places, block: str, title: str, numbers: Iterable[int], where: str) -> None:
    """Enter the cells of one row, as Markdown and as LaTeX title them."""
    for words in {(block, title), (escape(block), escape(title))}:
        places.by_title.update({(*words, number): where for number in numbers})
