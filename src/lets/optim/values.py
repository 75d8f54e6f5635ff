"""The check of one hyper-parameter's value; free of torch."""

from collections.abc import Sequence
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .catalogue import Hyperparameter, Value


def checked(h: "Hyperparameter", value: object) -> "Value":
    """`value` in the one form its kind is written in; TypeError or ValueError if it is none of its values."""
    if h.kind == "float":
        return _within(h, _number(h, value))
    if h.kind == "int":
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{h.name} = {value!r} is not a whole number ({h.meaning})")
        return int(_within(h, int(value)))
    if h.kind == "interval":
        return _interval(h, value)
    if h.kind == "bool":
        if not isinstance(value, bool):
            raise TypeError(f"{h.name} = {value!r} is neither True nor False ({h.meaning})")
        return value
    if not isinstance(value, str) or value not in h.choices:
        raise ValueError(f"{h.name} = {value!r} is not one of {', '.join(h.choices)} ({h.meaning})")
    return value


def _number(h: "Hyperparameter", value: object) -> float:
    if isinstance(value, str):
        raise TypeError(
            f"{h.name} = {value!r} is text, not a number; YAML reads 1.0e-4 as a number and 1e-4 as text"
        )
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{h.name} = {value!r} is not a number ({h.meaning})")
    if not isfinite(value):
        raise ValueError(f"{h.name} = {value!r} is not finite ({h.meaning})")
    return float(value) + 0.0  # -0.0 becomes 0.0


def _within(h: "Hyperparameter", value: float) -> float:
    if value < h.low:
        raise ValueError(f"{h.name} = {value} is below {h.low} ({h.meaning})")
    if value > h.high:
        raise ValueError(f"{h.name} = {value} is above {h.high} ({h.meaning})")
    if h.positive and value == 0:
        raise ValueError(f"{h.name} = {value} must be positive ({h.meaning})")
    return value


def _interval(h: "Hyperparameter", value: object) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise TypeError(f"{h.name} = {value!r} is not a pair (low, high) ({h.meaning})")
    low, high = (_number(h, end) for end in value)
    if not 0 < low < high:
        raise ValueError(f"{h.name} = ({low}, {high}) is not an interval 0 < low < high ({h.meaning})")
    return low, high
