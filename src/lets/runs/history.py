"""history.csv: one line per epoch, or per `measure_every` epochs."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lets.errors import RecordError
from lets.runs.rows import columns, read_rows, rows_text


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
