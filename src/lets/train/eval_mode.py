"""The mode in which a network is evaluated."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["evaluating"]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients; afterwards the network is in the mode that it was in."""
    training = network.training
    network.eval()
    with torch.no_grad():
        yield
    network.train(training)
