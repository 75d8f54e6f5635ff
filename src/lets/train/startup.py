"""Start without torch's compiler: a training that compiles nothing should not wait a second for it.

`torch.optim` imports `torch._dynamo` at the first step only to tell it not to compile. In a matrix of
short runs that import is a fifth of all the time.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

import torch

NAME = "torch._dynamo"
Function = TypeVar("Function", bound=Callable[..., Any])


class _StandIn(ModuleType):
    """`torch._dynamo` as far as `torch.optim` needs it; makes room for the real one when asked for more."""

    @staticmethod
    def disable(function: Function, recursive: bool = True, wrapping: bool = True) -> Function:
        return function

    @staticmethod
    def graph_break(message: str = "") -> None:
        """Nothing is compiled: there is no graph to break."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
        return getattr(import_module(NAME), name)


def leave_out_the_compiler() -> None:
    """Put the stand-in in place, unless the compiler is there already."""
    if NAME not in sys.modules:
        torch._dynamo = sys.modules[NAME] = _StandIn(NAME)
