"""What the four parts of a method have in common: a state that can be saved."""

from typing import Any


class Part:
    """A part without state; parts that have one override both methods."""

    def state_dict(self) -> dict[str, Any]:
        """Everything the part remembers from step to step; never changed in place afterwards."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Return to a state saved by `state_dict`."""
