"""Settings of a learned radius that have a name: what the paper says, and what it must have meant.

No torch here, as in the catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalogue import Value

__all__ = ["PRESETS", "Preset", "ReadOnly", "spelled_out"]


class ReadOnly:
    """A dataclass whose mappings nobody can change; it is copied and pickled all the same."""

    def __reduce__(self) -> tuple[Any, ...]:
        values = vars(self).values()
        return _restored, (type(self), [dict(v) if isinstance(v, MappingProxyType) else v for v in values])


def _restored(kind: type, values: list[Any]) -> Any:
    return kind(*[MappingProxyType(v) if isinstance(v, dict) else v for v in values])


@dataclass(frozen=True)
class Preset(ReadOnly):
    """Hyper-parameters of every lets-method; what it does not name stays at its default, or as given."""

    name: str
    meaning: str
    values: Mapping[str, "Value"]


_LETTER: Mapping[str, "Value"] = {
    "rho_lr": 1e-4,
    "parametrization": "exp",
    "direction": "algorithm",
    "hessian": "diagonal",
    "metric": "half-squared-gap",
    "include_lr": True,
    "rho_every": 1,
}

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        one.name: one
        for one in (
            Preset(
                "paper-literal",
                "Algorithm 1 to the letter: plain gradient steps, which are too small to move the radius",
                MappingProxyType({**_LETTER, "rho_optimizer": "sgd"}),
            ),
            Preset(
                "paper-effective",
                "the same gradient given to Adam: the mildest change under which any start can work (Table 5)",
                MappingProxyType({**_LETTER, "rho_optimizer": "adam"}),
            ),
        )
    }
)
"""by name"""


def spelled_out(given: Mapping[str, object]) -> Mapping[str, object]:
    """`given` with the values of its `preset` in place of the name; what stands beside the name wins.

    ValueError with near names if there is no such preset.
    """
    if "preset" not in given:
        return given
    name = given["preset"]
    if name not in PRESETS:
        near = get_close_matches(str(name), PRESETS, n=1, cutoff=0.5)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"there is no preset {name!r}{hint}; known: {', '.join(PRESETS)}")
    return {**PRESETS[str(name)].values, **{key: value for key, value in given.items() if key != "preset"}}
