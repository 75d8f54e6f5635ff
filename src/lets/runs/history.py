"""What a training writes down as it goes: a line of history.csv per epoch or per `measure_every` epochs, a number of
trace.safetensors per step. Both are read without torch."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lets.errors import RecordError
from lets.runs.rows import columns, read_rows, rows_text

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[numpy.float64]]


@dataclass(frozen=True)
class HistoryRow:
    """What the epochs since the line before did and where they left the model.

    Accuracies in percent, losses in nats.
    """

    epoch: int
    """the last of them, 1-based"""
    steps: int
    passes: int
    """forward-backward passes of these epochs"""
    perturbed: int
    """steps that climbed before they descended"""
    lr: float
    """learning rate of the last step"""
    rho: float
    """radius after the last step"""
    loss: float
    """mean training loss seen by the steps (Figure 6)"""
    train_loss: float
    """loss on the whole training set after the last epoch, without augmentation"""
    train_accuracy: float
    test_loss: float
    test_accuracy: float

    @property
    def generalization_gap(self) -> float:
        """Test loss minus training loss (paper §4.1, Figure 2)."""
        return self.test_loss - self.train_loss


COLUMNS = columns(HistoryRow)
LARGEST = 1e100
"""No float32 is nearly as large; statistics over larger numbers overflow."""
MOST = 10**12
"""No line counts nearly as many steps or passes; metrics.json adds the lines up."""
REMEDY = "delete its folder and make the run again"


def history_text(rows: list[HistoryRow]) -> str:
    """Return the csv; every float reads back as it was."""
    return rows_text(HistoryRow, rows)


def read_history(path: Path) -> list[HistoryRow]:
    """Read the csv back; raises RecordError naming the file and line when it is not one of ours."""
    rows = read_rows(HistoryRow, path, REMEDY)
    for number, row in enumerate(rows, start=2):
        if wrong := impossible(row):
            raise RecordError(f"{path} – line {number}: {wrong} – {REMEDY}")
    return rows


def impossible(row: Any) -> str | None:
    """Return the first number of a dataclass that no training gives, as `loss is nan`; None if there is none."""
    for field in fields(row):
        value = getattr(row, field.name)
        if field.type is int:
            possible = isinstance(value, int) and 0 <= value <= MOST
        else:
            possible = isinstance(value, int | float) and -LARGEST <= value <= LARGEST
        if not possible:
            return f"{field.name} is {_short(value)}"
    return None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:40]}…"


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
