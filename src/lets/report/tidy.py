"""csv for machines: one line per record, every float with all its digits."""

import csv
import io
from collections.abc import Iterable, Sequence

from lets.results import Grid


def csv_text(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return csv whose floats read back as they were; None and NaN become empty fields."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_field(value) for value in line] for line in lines)
    return buffer.getvalue()


def computed(value: float | None) -> float | None:
    """Return six digits of a quantile or a p: its last ones depend on the mathematics library of a machine."""
    return None if value is None else float(f"{value:.6g}")


def table_csv(name: str, grid: Grid) -> str:
    """Return one line per cell of a grid; run ids are separated by blanks."""
    columns = [f"column.{field}" for field in grid.table.columns]
    numbers = ["metric", "mean", "sd", "n", "expected", "paper_mean", "paper_sd"]
    header = ["table", f"row.{grid.table.rows}", *columns, *numbers, "missing", "diverged", "runs"]
    lines = []
    for cell in grid.cells.values():
        if not cell.expected:
            continue
        paper = (cell.published.mean, cell.published.sd) if cell.published else (None, None)
        lists = (cell.missing, cell.diverged, cell.run_ids)
        summary = cell.summary
        counted = (cell.metric, summary.mean, summary.sd, summary.n, cell.expected, *paper)
        lines.append([name, cell.row, *cell.column, *counted, *map(" ".join, lists)])
    return csv_text(header, lines)


def _field(value: object) -> str:
    if value is None or value != value:
        return ""
    return repr(value) if isinstance(value, float) else str(value)
