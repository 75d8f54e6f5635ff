"""What the four parts of a method have in common: a state that can be saved; and what a part of your own must give.

A part of your own is an object of a subclass of `Policy`, `Ascent`, `Descent` or `Radius`, handed to `create`.
"""

from math import inf
from numbers import Real
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from .vectors import Vector


class Part:
    """A part without state; parts that have one override both methods."""

    def state_dict(self) -> dict[str, Any]:
        """Everything the part remembers from step to step, as tensors, numbers, text, lists and dicts of them.

        Never changed in place afterwards by a part of ours; of a part of yours, a copy is kept.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Return to a state saved by `state_dict`, whose tensors come on the device of the weights."""


def refuse_half_a_state(part: Part) -> None:
    """TypeError if a part can be saved and not loaded, or the other way round."""
    kind, names = type(part), ("state_dict", "load_state_dict")
    defined = [name for name in names if getattr(kind, name) is not getattr(Part, name)]
    if len(defined) == 1:
        (missing,) = set(names).difference(defined)
        raise TypeError(
            f"{kind.__name__} has {defined[0]} and no {missing}; define both, or a checkpoint loses its state"
        )


def refuse_unsaved(state: dict[str, Any], part: object) -> None:
    """TypeError if a state holds what `torch.load` will not read again."""
    for leaf in tree_leaves(state):
        if not isinstance(leaf, Tensor | Real | str | bytes | None):
            raise TypeError(
                f"state_dict() of {type(part).__name__} holds a {type(leaf).__name__}; it may hold tensors, numbers, "
                "text, lists and dicts of them. Of a Vector save vector.parts(), and go on with gradient.like(parts)"
            )


def refuse_no_vector(made: object, part: object) -> None:
    """TypeError if `part` made something else than a vector as long as the weights."""
    if not isinstance(made, Vector):
        raise TypeError(
            f"{type(part).__name__} returned a {type(made).__name__}; it must return a Vector, "
            "made of the one it was given: gradient.map(torch.sign) * 0.5"
        )


def refuse_no_map(made: object, part: object) -> None:
    """TypeError if the ascent `part` made something else than a map of a gradient."""
    if not callable(made):
        raise TypeError(
            f"at() of {type(part).__name__} returned a {type(made).__name__}; it must return the map from a gradient "
            "to the direction: return lambda gradient: gradient.map(torch.sign)"
        )


def refuse_no_answer(made: object, part: object) -> None:
    """TypeError if the policy `part` said neither yes nor no, as one does that forgets its return."""
    if not isinstance(made, bool) and getattr(made, "dtype", None) not in (bool, torch.bool):
        raise TypeError(
            f"perturbs() of {type(part).__name__} returned {made!r}; it must return True or False: "
            "return step % 3 == 0"
        )


def refuse_bad_value(rho: object, part: object) -> None:
    """ValueError if what the radius `part` gave is none."""
    scalar = rho.dim() == 0 if isinstance(rho, Tensor) else isinstance(rho, Real)
    if not scalar or not 0 <= float(rho) < inf:  # type: ignore[arg-type]
        raise ValueError(
            f"value() of {type(part).__name__} returned {rho!r}; it must return the radius, a number of at least 0"
        )
