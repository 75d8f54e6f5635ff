"""history.csv: one line per epoch, or per `measure_every` epochs."""

from dataclasses import dataclass
from pathlib import Path

from lets.errors import RecordError
from lets.records.rows import columns, read_rows, rows_text


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
REMEDY = "delete its folder and make the run again"


def history_text(rows: list[HistoryRow]) -> str:
    """Return the csv; every float reads back as it was."""
    return rows_text(HistoryRow, rows)


def read_history(path: Path) -> list[HistoryRow]:
    """Read the csv back; raises RecordError naming the file and line when it is not one of ours."""
    rows = read_rows(HistoryRow, path, REMEDY)
    for number, row in enumerate(rows, start=2):
        for name, value in vars(row).items():
            if not (0 if isinstance(value, int) else -LARGEST) <= value <= LARGEST:
                raise RecordError(f"{path} – line {number}: {name} is {_short(value)} – {REMEDY}")
    return rows


def _short(value: float) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:40]}…"
