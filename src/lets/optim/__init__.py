"""The optimizer core: ERM, SAM and its descendants, each with a fixed or a learned perturbation radius.

Needs torch and the standard library, nothing else; this folder can be copied into another project as it is.
The catalogue (`methods`, `describe`, `resolve`) works without importing torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ascent import Ascent
    from .catalogue import METHODS, Hyperparameter, MethodInfo, describe, methods, resolve
    from .closures import MethodOptimizer, optimizer
    from .descent import Descent
    from .errors import DivergenceError, RadiusWarning, StaleGradientError
    from .factory import create
    from .hyperparameters import PRESETS, Preset
    from .method import Method, Stats
    from .policy import Policy
    from .radius import Radius
    from .vectors import Vector, Weights

__all__ = [
    "METHODS",
    "PRESETS",
    "Ascent",
    "Descent",
    "DivergenceError",
    "Hyperparameter",
    "Method",
    "MethodInfo",
    "MethodOptimizer",
    "Policy",
    "Preset",
    "Radius",
    "RadiusWarning",
    "StaleGradientError",
    "Stats",
    "Vector",
    "Weights",
    "create",
    "describe",
    "methods",
    "optimizer",
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
    "PRESETS": "hyperparameters",
    "Preset": "hyperparameters",
    "create": "factory",
    "Method": "method",
    "Stats": "method",
    "MethodOptimizer": "closures",
    "optimizer": "closures",
    "Ascent": "ascent",
    "Descent": "descent",
    "Policy": "policy",
    "Radius": "radius",
    "Vector": "vectors",
    "Weights": "vectors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
