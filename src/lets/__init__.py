"""LETS: train with a learned perturbation radius, and reproduce the paper that proposed it.

`import lets` is cheap: torch is imported by the first call that needs it, and of Python's own library nothing that
takes time, for until `lets` has begun, Ctrl-C ends it with a traceback.
"""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lets import data, models, optim
    from lets.optim import (
        Ascent,
        Descent,
        DivergenceError,
        Policy,
        Radius,
        create,
        describe,
        methods,
        optimizer,
    )

__version__ = "0.1.0"

__all__ = [
    "Ascent",
    "Descent",
    "DivergenceError",
    "Policy",
    "Radius",
    "create",
    "data",
    "describe",
    "methods",
    "models",
    "optim",
    "optimizer",
]

_SUBPACKAGES = ("data", "models", "optim")


def __getattr__(name: str) -> object:
    if name in _SUBPACKAGES:
        try:
            return import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            raise ImportError(
                f"lets.{name} needs {error.name}, which is not installed – run  pip install 'lets-repro[pipeline]'"
            ) from error
    if name in __all__:
        return getattr(import_module(f"{__name__}.optim"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
