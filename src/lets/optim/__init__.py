"""The optimizer core: ERM, SAM and its descendants, each with a fixed or a learned perturbation radius.

Needs torch and the standard library, nothing else; this folder can be copied into another project as it is.
The catalogue (`methods`, `describe`, `resolve`) works without importing torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalogue import METHODS, Hyperparameter, MethodInfo, describe, methods, resolve
    from .errors import DivergenceError, RadiusWarning, StaleGradientError
    from .factory import create
    from .method import Method
    from .presets import PRESETS, Preset
    from .stats import Stats

__all__ = [
    "METHODS",
    "PRESETS",
    "DivergenceError",
    "Hyperparameter",
    "Method",
    "MethodInfo",
    "Preset",
    "RadiusWarning",
    "StaleGradientError",
    "Stats",
    "create",
    "describe",
    "methods",
    "resolve",
]

_HOMES = {
    "METHODS": "catalogue",
    "Hyperparameter": "catalogue",
    "MethodInfo": "catalogue",
    "describe": "catalogue",
    "methods": "catalogue",
    "resolve": "catalogue",
    "DivergenceError": "errors",
    "RadiusWarning": "errors",
    "StaleGradientError": "errors",
    "PRESETS": "presets",
    "Preset": "presets",
    "create": "factory",
    "Method": "method",
    "Stats": "stats",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
