"""What the four parts of a method have in common: a state that can be saved.

A part of your own is an object of a subclass of `Policy`, `Ascent`, `Descent` or `Radius`, handed to `create`.
"""

from typing import Any


class Part:
    """A part without state; parts that have one override both methods."""

    def state_dict(self) -> dict[str, Any]:
        """Everything the part remembers from step to step, as tensors, numbers, text, lists and dicts of them.

        Never changed in place afterwards by a part of ours; of a part of yours, a copy is kept.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Return to a state saved by `state_dict`, whose tensors come on the device of the weights."""
