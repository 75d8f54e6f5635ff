"""Build a network by its name in the catalogue."""

from pkgutil import resolve_name

from torch import nn

from lets.errors import SpecError
from lets.models.catalogue import describe

__all__ = ["create"]


def create(name: str, classes: int = 10, image: tuple[int, ...] = (3, 32, 32)) -> nn.Module:
    """Build a freshly initialised network that maps images [N, *image] to logits [N, classes].

    `image` is (channels, height, width). Of a network for texts it is (tokens of the vocabulary,), and it maps
    ids [N, L]; it is random as well, pretrained weights are put into it afterwards. The weights are drawn from
    torch's global generator: seed it first. Raises SpecError for an unknown name, or an image that the network
    cannot take.
    """
    info = describe(name)
    if classes < min(1, info.classes) or len(image) != len(info.image) or min(image) < 1:
        shape = "(channels, height, width)" if len(info.image) == 3 else "(tokens of the vocabulary,)"
        raise SpecError(
            f"classes={classes}, image={image} – want at least {min(1, info.classes)} classes and {shape} – "
            f'write  lets.models.create("{name}", classes={info.classes}, image={info.image})'
        )
    network: nn.Module = resolve_name(info.builder)(classes, image, **info.arguments)
    return network
