"""runs.csv: every run of the matrix in one long table, for whoever wants to draw conclusions of their own."""

from pathlib import Path

from lets.records.files import write_text
from lets.results import table_of_runs
from lets.spec import Layout, Matrix


def runs_text(matrix: Matrix, layout: Layout) -> str:
    """Return the csv: a line per run, done or not, with every hyper-parameter and number at full precision."""
    text: str = table_of_runs(matrix, layout).to_csv(index=False, lineterminator="\n")
    return text


def write_runs(matrix: Matrix, layout: Layout) -> Path:
    """Write runs.csv and return its path."""
    write_text(layout.long_table, runs_text(matrix, layout))
    return layout.long_table
