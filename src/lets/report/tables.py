"""The tables: three renderings of one grid."""

from pathlib import Path

from lets.records.files import write_text
from lets.report.latex import latex
from lets.report.markdown import markdown
from lets.report.sheet import lay_out
from lets.report.tidy import table_csv
from lets.results import pivot
from lets.spec import Layout, Matrix, Params
from lets.spec.params import Table


def render_table(name: str, table: Table, params: Params, matrix: Matrix, layout: Layout) -> dict[str, str]:
    """Return suffix → text for csv, md and tex; a function of the run records and the params alone."""
    grid = pivot(table, params, matrix, layout)
    sheet = lay_out(name, grid, params)
    return {"csv": table_csv(name, grid), "md": markdown(sheet), "tex": latex(sheet)}


def write_table(name: str, table: Table, params: Params, matrix: Matrix, layout: Layout) -> list[Path]:
    """Write every rendering of a table and return the paths."""
    for suffix, text in render_table(name, table, params, matrix, layout).items():
        write_text(layout.table(name, suffix), text)
    return layout.tables(name)
