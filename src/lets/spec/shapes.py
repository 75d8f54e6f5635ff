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
    """Return (architecture, classes, image) of each on its usual data, and on all data of that image."""
    return [
        (name, classes, image)
        for name, info in ARCHITECTURES.items()
        for classes, image in sorted({(info.classes, info.image), *_like(name)})
    ]


def _like(architecture: str) -> set[tuple[int, tuple[int, ...]]]:
    info = ARCHITECTURES[architecture]
    on_data = {
        shape(architecture, dataset)
        for dataset, data in DATASETS.items()
        if (data.task == "translation") == (info.classes == 0) and bool(data.image) == (len(info.image) == 3)
    }
    return {(classes, image) for classes, image in on_data if image == info.image}
