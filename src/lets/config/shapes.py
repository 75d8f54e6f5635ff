"""What shape a network has on a data set: its classes, and what it is given."""

from lets.data.catalogue import DATASETS
from lets.models.catalogue import ARCHITECTURES

__all__ = ["catalogue_shapes", "shape"]


def shape(architecture: str, dataset: str) -> tuple[int, tuple[int, ...]]:
    """Return how many classes a network has on a data set, and its image, or (tokens of the vocabulary,)."""
    info, network = DATASETS[dataset], ARCHITECTURES[architecture]
    image = network.image if network.pretrained else info.image or (info.vocabulary,)
    return info.classes, image


def catalogue_shapes() -> list[tuple[str, int, tuple[int, ...]]]:
    """Return (architecture, classes, image) of each on its usual data, and on all other data made for it."""
    return [
        (name, classes, image)
        for name, info in ARCHITECTURES.items()
        for classes, image in sorted({(info.classes, info.image), *_others(name)})
    ]


def _others(architecture: str) -> set[tuple[int, tuple[int, ...]]]:
    """Images of the same size, or all texts that are judged, or all that are translated."""
    info = ARCHITECTURES[architecture]
    reads = len(info.image) == 1
    fitting = [
        name
        for name, data in DATASETS.items()
        if bool(data.vocabulary) == reads and (data.task == "translation") == (info.classes == 0)
    ]
    shapes = {shape(architecture, name) for name in fitting}
    return {(classes, image) for classes, image in shapes if reads or image == info.image}
