"""history.csv: one line per epoch, floats with every digit."""

import csv
import io
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from lets.errors import RecordError


@dataclass(frozen=True)
class HistoryRow:
    """What one epoch did and where it left the model. Accuracies in percent, losses in nats."""

    epoch: int
    """1-based"""
    steps: int
    passes: int
    """forward-backward passes of this epoch"""
    perturbed: int
    """steps that climbed before they descended"""
    lr: float
    """learning rate of the epoch's last step"""
    rho: float
    """radius after the epoch's last step"""
    loss: float
    """mean training loss seen by the steps of the epoch (Figure 6)"""
    train_loss: float
    """loss on the whole training set after the epoch, without augmentation"""
    train_accuracy: float
    test_loss: float
    test_accuracy: float

    @property
    def generalization_gap(self) -> float:
        """Test loss minus training loss (paper §4.1, Figure 2)."""
        return self.test_loss - self.train_loss


COLUMNS = tuple(field.name for field in fields(HistoryRow))
_TYPES = [int if field.type in (int, "int") else float for field in fields(HistoryRow)]


def history_text(rows: list[HistoryRow]) -> str:
    """Return the csv; `repr` of a float reads back as the same float."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([repr(value) for value in astuple(row)] for row in rows)
    return buffer.getvalue()


def read_history(path: Path) -> list[HistoryRow]:
    """Read the csv back; raises RecordError naming the file and line when it is not one of ours."""
    try:
        lines = list(csv.reader(path.read_text().splitlines()))
        if not lines or tuple(lines[0]) != COLUMNS:
            raise ValueError(f"line 1: want the columns {','.join(COLUMNS)}")
        return [_row(number, values) for number, values in enumerate(lines[1:], start=2)]
    except OSError as error:
        raise RecordError(f"{path} – cannot be read ({error.strerror}) – make the run again") from error
    except ValueError as error:
        raise RecordError(f"{path} – {error} – delete its folder and make the run again") from error


def _row(number: int, values: list[str]) -> HistoryRow:
    if len(values) != len(COLUMNS):
        raise ValueError(f"line {number}: {len(values)} values, want {len(COLUMNS)}")
    try:
        return HistoryRow(*(convert(value) for convert, value in zip(_TYPES, values, strict=True)))  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error
