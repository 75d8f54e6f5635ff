"""The tables: three renderings of one sheet."""

from collections.abc import Sequence
from pathlib import Path

from lets.records.files import write_text
from lets.report.baselines_sheet import baselines_csv, baselines_sheet
from lets.report.comparison_sheet import comparison_csv, comparison_sheet
from lets.report.latex import latex
from lets.report.markdown import markdown
from lets.report.published_sheet import published_csv, published_sheet
from lets.report.ranking_sheet import ranking_csv, ranking_sheet
from lets.report.sharpness import sharpness_measures
from lets.report.sharpness_sheet import sharpness_csv, sharpness_sheet
from lets.report.sheet import Sheet, lay_out
from lets.report.starts_sheet import starts_csv, starts_sheet
from lets.report.tidy import table_csv
from lets.report.ways import hypergradient_ways
from lets.report.ways_sheet import ways_csv, ways_sheet
from lets.results import Outcome, pivot
from lets.results.against_paper import beside_paper
from lets.results.baselines import baselines
from lets.results.comparison import compare
from lets.results.ranking import rank
from lets.results.starts import courses
from lets.spec import Layout, Matrix, Params
from lets.spec.params import (
    AgainstPaper,
    AnyTable,
    Baselines,
    Comparison,
    Hypergradient,
    Ranking,
    Sharpness,
    Starts,
)


def laid_out(
    name: str, table: AnyTable, params: Params, matrix: Matrix, layout: Layout
) -> tuple[Sheet, str, Sequence[Outcome]]:
    """Return a table in words and as csv, and the runs it was asked to show."""
    if isinstance(table, Comparison):
        compared = compare(table, matrix, layout)
        return comparison_sheet(name, compared), comparison_csv(name, compared), compared.runs
    if isinstance(table, Ranking):
        ranked = rank(table, matrix, layout)
        return ranking_sheet(name, ranked), ranking_csv(name, ranked), ranked.runs
    if isinstance(table, AgainstPaper):
        numbers = beside_paper(table, params, matrix, layout)
        runs = [run for one in numbers for run in one.cell.runs]
        return published_sheet(name, table, numbers, params), published_csv(name, numbers), runs
    if isinstance(table, Starts):
        found = courses(table, params, matrix, layout)
        runs = [run for one in found.courses for run in one.reading.outcomes]
        return starts_sheet(name, found), starts_csv(name, found), runs
    if isinstance(table, Baselines):
        against = baselines(table, params, matrix, layout)
        runs = [run for row in against.rows for run in row.runs]
        return baselines_sheet(name, against), baselines_csv(name, against), runs
    if isinstance(table, Hypergradient):
        ways = hypergradient_ways(table, matrix, layout)
        return ways_sheet(name, table, ways), ways_csv(name, ways), ways.runs
    if isinstance(table, Sharpness):
        measures = sharpness_measures(table, matrix, layout)
        return sharpness_sheet(name, table, measures), sharpness_csv(name, measures), measures.runs
    grid = pivot(table, params, matrix, layout)
    return lay_out(name, grid, params), table_csv(name, grid), grid.runs


def render_table(
    name: str, table: AnyTable, params: Params, matrix: Matrix, layout: Layout
) -> dict[str, str]:
    """Return suffix → text for csv, md and tex; a function of the run records and the params alone."""
    sheet, csv, _ = laid_out(name, table, params, matrix, layout)
    return {"csv": csv, "md": markdown(sheet), "tex": latex(sheet)}


def write_table(name: str, table: AnyTable, params: Params, matrix: Matrix, layout: Layout) -> list[Path]:
    """Write every rendering of a table and return the paths."""
    for suffix, text in render_table(name, table, params, matrix, layout).items():
        write_text(layout.table(name, suffix), text)
    return layout.tables(name)
