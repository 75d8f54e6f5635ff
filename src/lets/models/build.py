"""Build a network by its name in the catalogue."""

from pkgutil import resolve_name

from torch import nn

from lets.errors import SpecError
from lets.models.catalogue import describe, names

__all__ = ["create"]


def create(name: str, classes: int = 10, image: tuple[int, ...] = (3, 32, 32)) -> nn.Module:
    """Build a freshly initialised network that maps images [N, *image] to logits [N, classes].

    `image` is (channels, height, width). The weights are drawn from torch's global generator: seed it first.
    Raises SpecError for a name that is unknown or not available, or an image that the network cannot take.
    """
    info = describe(name)
    if not info.available:
        raise SpecError(
            f"architecture {name!r} – {info.title} is not available in this version – "
            f"choose from: {', '.join(names())}"
        )
    if classes < 1 or len(image) != 3 or min(image) < 1:
        raise SpecError(
            f"classes={classes}, image={image} – want at least one class and (channels, height, width) – "
            f'write  lets.models.create("{name}", classes=10, image=(3, 32, 32))'
        )
    network: nn.Module = resolve_name(info.builder)(classes, image, **info.arguments)
    return network
