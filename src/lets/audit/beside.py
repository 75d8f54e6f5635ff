"""What an audit computes beside its other checks: on all cores, in processes forked with all that it has read."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from typing import Any

from lets.audit.context import Context
from lets.errors import LetsError

MOST_PROCESSES = 4
"""an audit has no more long parts"""
MODULES = ("lets.analyses.compute", "lets.figures.canvas", "lets.train", "timm.models.vision_transformer")
"""what its processes would import, each by itself"""
Begin = Callable[..., Callable[[], Any]]
"""given a function and its arguments after the context, begins it; what it returns waits for the result"""

_context: Context
"""of a forked process: that of the audit"""


@contextmanager
def beside(context: Context) -> Iterator[Begin]:
    """Begin functions of an audit in processes of their own, which end with the block.

    With one core, on a GPU, which cannot be used in a fork, and outside Linux they run here, when they are waited for.
    Raises LetsError if a process was killed.
    """
    processes = _processes(context)
    if processes == 1:
        yield lambda function, *arguments: cache(partial(function, context, *arguments))
        return
    _ = context.states, context.content, *map(import_module, MODULES)  # here, once for all
    # Forked before anything computes: OpenMP's threads would be lost in a fork.
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("fork"), _take, (context, _cores() // processes)
    )
    try:
        yield lambda function, *arguments: pool.submit(_perform, function, *arguments).result
    except BrokenProcessPool as error:
        audit, reason = (
            context.project.command("audit"),
            "one of its processes was killed, most likely for want of memory",
        )
        raise LetsError(f"{audit} – {reason} – run it again where there is more:  {audit}") from error
    finally:
        for process in multiprocessing.active_children():
            process.kill()
        pool.shutdown(cancel_futures=True)


def _processes(context: Context) -> int:
    forks = sys.platform == "linux" and context.device == "cpu"
    return min(MOST_PROCESSES, _cores()) if forks else 1


def _cores() -> int:
    from lets.data.pictures import default_workers

    return default_workers()


def _take(context: Context, threads: int) -> None:
    """Make a forked process ready; Ctrl-C ends it without a word, for the audit says where it stopped."""
    import torch

    global _context
    _context = context
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(threads)


def _perform(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(_context, *arguments)
