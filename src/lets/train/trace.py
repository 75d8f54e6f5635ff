"""Per-step numbers, kept on the device so that no step waits for them."""

import torch
from torch import Tensor

NAMES = ("loss", "rho")
LETS_NAMES = ("loss", "rho", "gap", "hypergradient")


class Trace:
    """Columns of one float64 value per step; a step that did not perturb has NaN where LETS learned nothing."""

    def __init__(self, steps: int, learned: bool, device: torch.device) -> None:
        names = LETS_NAMES if learned else NAMES
        self.columns = {
            name: torch.full((steps,), torch.nan, dtype=torch.float64, device=device) for name in names
        }

    def record(self, step: int, stats: object) -> None:
        """Copy what a step reports; runs on the device, without waiting for it."""
        for name, column in self.columns.items():
            value = getattr(stats, name)
            if value is not None:
                column[step] = value

    def mean_loss(self, start: int, stop: int) -> float:
        """The mean loss of the steps start … stop-1 (waits for the device)."""
        return float(self.columns["loss"][start:stop].mean())

    def state_dict(self) -> dict[str, Tensor]:
        """Return the columns, for the resume state and for trace.safetensors."""
        return {name: column.cpu() for name, column in self.columns.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take the columns of an interrupted run; raises ValueError if they are of other lengths."""
        for name, column in self.columns.items():
            if state[name].shape != column.shape:
                raise ValueError(
                    f"its {name} has the shape {list(state[name].shape)}, not {list(column.shape)}"
                )
            column.copy_(state[name])
