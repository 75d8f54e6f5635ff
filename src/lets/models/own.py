"""Try a network of the user's own before work starts."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from lets import own
from lets.errors import SpecError

__all__ = ["tried"]

Result = TypeVar("Result")


def tried(name: str, classes: int, image: tuple[int, ...]) -> nn.Module:
    """Return the network that the function `name` builds, after two images [2, *image] went through it and back.

    Raises SpecError for what cannot be trained. The global random numbers are as before.
    """
    build, images = own.function(name), torch.zeros(2, *image)
    with torch.random.fork_rng(devices=[]):
        network = _attempt(name, f"called with ({classes}, {image})", lambda: build(classes, image))
        if not isinstance(network, nn.Module) or not any(one.requires_grad for one in network.parameters()):
            raise SpecError(f"{name!r} – returned {network!r:.60}, no nn.Module with parameters – {own.PAGE}")
        logits = _attempt(name, f"its network, given images {[*images.shape]},", lambda: network(images))
        if not isinstance(logits, Tensor) or logits.shape != (2, classes):
            have = [*logits.shape] if isinstance(logits, Tensor) else type(logits).__name__
            raise SpecError(
                f"{name!r} – makes {have} of images {[*images.shape]}, not logits {[2, classes]} – "
                "end it with  nn.Linear(…, classes)"
            )
        _attempt(name, "the gradient of its network", lambda: logits.sum().backward())
    network.zero_grad()
    return network


def _attempt(name: str, what: str, call: Callable[[], Result]) -> Result:
    try:
        return call()
    except Exception as error:
        raise SpecError(f"{name!r} – {what} raised {own.reason(error)} – repair it, {own.PAGE}") from error
