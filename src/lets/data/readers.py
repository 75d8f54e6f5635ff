"""Worker processes that read pictures ahead, in the order they are asked for."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from lets.data.decoding import Request, decode
from lets.errors import DataError

__all__ = ["Readers", "default_workers"]

MOST_WORKERS = 16
AHEAD = 2
"""requests that wait for each worker"""


def default_workers(ranks: int = 1) -> int:
    """As many workers as this process may use cores, shared by the ranks of this machine, 16 at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, cores // ranks))


class Readers:
    """`workers` processes for each stream that is open at the same time; they wait for the next one.

    Without workers the pictures are read here, when they are asked for: the same bytes. `pin` puts them into
    page-locked memory, from where a GPU fetches them without the host waiting.
    """

    def __init__(self, workers: int, pin: bool = False) -> None:
        self.workers, self.pin = workers, pin
        self._idle: list[DataLoader[Tensor | DataError]] = []

    def stream(self, requests: Iterable[Request]) -> Iterator[Tensor]:
        """Yield the pixels of each request, uint8 [n, 3, H, W] on the CPU; raises DataError."""
        loader = self._idle.pop() if self._idle else self._start()
        try:
            loader.sampler.requests = requests  # type: ignore[attr-defined]
            for pixels in loader:
                if isinstance(pixels, DataError):
                    raise pixels
                yield pixels
        finally:
            self._idle.append(loader)

    def _start(self) -> "DataLoader[Tensor | DataError]":
        settings: dict[str, Any] = (
            {"prefetch_factor": AHEAD, "persistent_workers": True} if self.workers else {}
        )
        return DataLoader(
            _Pictures(),
            batch_size=None,
            sampler=_Requests(),
            num_workers=self.workers,
            pin_memory=self.pin,
            generator=torch.Generator(),  # its own, so that the global one rests
            **settings,
        )


class _Requests(Sampler[Request]):
    """What the stream that is open asks for."""

    requests: Iterable[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.requests)


class _Pictures(Dataset[Tensor | DataError]):
    """A data set whose items are named by requests, so that workers need to know nothing."""

    def __getitem__(self, request: Request) -> Tensor | DataError:
        try:
            return decode(request)
        except DataError as error:  # as a value: raised, it would come with the worker's stack in its message
            return error
