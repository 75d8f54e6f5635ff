"""trace.safetensors: one number per step, read without torch."""

from pathlib import Path
from typing import TYPE_CHECKING

from lets.errors import RecordError
from lets.runs.history import REMEDY

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[numpy.float64]]

NEEDED, LEARNED = ("loss", "rho"), ("gap", "hypergradient")


def read_trace(path: Path) -> "Columns":
    """Return the columns, each of shape [steps]; raises RecordError if the file does not hold such columns."""
    from safetensors.numpy import load_file

    try:
        columns: Columns = load_file(path)
    except Exception as error:  # what the library raises of a damaged file is listed nowhere
        raise RecordError(f"{path} – cannot be read ({error}) – {REMEDY}") from error
    if problem := _problem(columns):
        raise RecordError(f"{path} – {problem} – {REMEDY}")
    return columns


def _problem(columns: "Columns") -> str | None:
    if tuple(sorted(columns)) not in (NEEDED, tuple(sorted(NEEDED + LEARNED))):
        return f"has the columns {', '.join(sorted(columns))}"
    steps = len(columns["loss"]) if columns["loss"].ndim else 0
    for name, column in columns.items():
        if column.shape != (steps,) or str(column.dtype) != "float64":
            return f"{name} is {column.dtype} of the shape {list(column.shape)}, not float64 of [{steps}]"
    return None
