"""Start without torch's compiler, and without a search for garbage: a run of two seconds should not wait for them.

And keep the memory of one pass for the next.

`torch.optim` imports `torch._dynamo` at the first step only to tell it not to compile, and torchvision, which timm
needs, to ask it whether it could: a second. Python looks for garbage among all that it imports, again and again, and
once more at its end: half a second. Importing this file does not import torch.
"""

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

__all__ = ["keep_freed_memory", "leave_out_the_compiler", "without_garbage_collection"]

NAMES = ("torch._dynamo", "torch._dynamo.utils")
Function = TypeVar("Function", bound=Callable[..., Any])


class _StandIn(ModuleType):
    """The compiler as far as networks and optimizers need it; makes room for the real one when asked for more."""

    __file__ = None  # looked at by whoever prints a traceback

    @staticmethod
    def disable(
        function: Function, recursive: bool = True, wrapping: bool = True, reason: str | None = None
    ) -> Function:
        return function

    @staticmethod
    def graph_break(message: str = "") -> None:
        """Nothing is compiled: there is no graph to break."""

    @staticmethod
    def is_compile_supported(device: str) -> bool:
        """Nothing is compiled on any device."""
        return False

    def __getattr__(self, name: str) -> Any:
        if (self.__name__, name) == (NAMES[1], "__path__"):
            raise AttributeError(name)  # a module, no package
        for one in NAMES:
            if isinstance(sys.modules.get(one), _StandIn):
                del sys.modules[one]
        return getattr(import_module(self.__name__), name)


def leave_out_the_compiler() -> None:
    """Put the stand-in in place, unless the compiler is there already."""
    if NAMES[0] not in sys.modules:
        import torch

        for name in NAMES:
            sys.modules[name] = _StandIn(name)
        torch._dynamo = sys.modules[NAMES[0]]


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""of glibc's mallopt"""


def keep_freed_memory() -> None:
    """Keep what is freed instead of giving it back to the system, where the C library can be told so.

    A pass of a network frees what the next one needs again. Fetched from the system it comes page by page, each of
    them zeroed: of ResNet-8 on a CPU a sixth of the time. No number changes, nor the most that is in use.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Import, or build what stays: there is none among it."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
