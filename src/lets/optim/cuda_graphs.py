"""What recorded steps ask of CUDA: warm-up on a side stream, capture, replay, as in torch's notes on CUDA semantics.

Written without a GPU: this file has not been run yet, and the tests put a stand-in in its place.
"""

from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")


class CudaGraphs:
    """Graphs of `device`, recorded on a stream of their own.

    They share the memory in which they compute, so what one leaves there is to be read before another is
    launched. ValueError without a GPU.
    """

    def __init__(self, device: torch.device) -> None:
        if device.type != "cuda":
            raise ValueError(
                f"the model is on {device}, and CUDA graphs need a GPU; take steps with method.step(loss_fn, batch)"
            )
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, function: Callable[[], T]) -> T:
        """Call `function` on the side stream, where libraries choose kernels and get their memory."""
        waiting = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(waiting)
        with torch.cuda.stream(self._stream):
            made = function()
        waiting.wait_stream(self._stream)
        return made

    def record(self, function: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        """Call `function` without computing anything: what it returned, and how to launch what it would have.

        At every launch the tensors it returned get their numbers.
        """
        graph = torch.cuda.CUDAGraph()
        # thread_local: a data loader may pin memory in a thread of its own meanwhile
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            made = function()
        return made, graph.replay
