"""`lets status --tensorboard`: event files of every training, made of what it has written down."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lets.errors import SpecError
from lets.runs.history import HistoryRow

if TYPE_CHECKING:
    from lets.project import Project

__all__ = ["Curves"]


class Curves:
    """Event files below `folder`, one folder a run; made anew at first, then only added to."""

    def __init__(self, project: "Project") -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise SpecError(
                "--tensorboard – tensorboardX, which writes event files, is not installed – run  "
                "pip install 'lets-repro[curves]'"
            ) from error
        self.folder = project.layout.curves
        self._open: Any = SummaryWriter
        self._written: dict[str, int] = {}
        """run → the last epoch that its event files hold"""
        shutil.rmtree(self.folder, ignore_errors=True)

    def update(self, project: "Project") -> None:
        """Add the epochs that have been measured since the last time, of runs that ended and of those at work."""
        for run, outcome in project.runs.items():
            state = project.layout.state(run)
            if outcome.metrics:
                self._add(run, outcome.record.history)
            elif state.is_file():
                self._add(run, _begun(state))

    def _add(self, run: str, rows: Sequence[HistoryRow]) -> None:
        new = [row for row in rows if row.epoch > self._written.get(run, 0)]
        if not new:
            return
        # A file of its own each time: its name begins with the second in which it was begun.
        suffix = f".{new[0].epoch:09}"
        with self._open(str(self.folder / run), filename_suffix=suffix) as events:
            for row in new:
                for name, value in asdict(row).items():
                    if name != "epoch":
                        events.add_scalar(name, value, row.epoch)
        self._written[run] = new[-1].epoch


def _begun(state: Path) -> list[HistoryRow]:
    """Return the epochs that a training at work has measured; none while its state cannot be read."""
    from lets.train.job import read_state

    try:
        return [HistoryRow(*values) for values in (read_state(state) or {"history": ()})["history"]]
    except Exception:  # ended meanwhile, or damaged: what torch raises is listed nowhere
        return []
