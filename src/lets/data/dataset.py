"""A data set in memory: two splits of images with labels."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Dataset", "Split"]


@dataclass(frozen=True)
class Split:
    """`images` uint8 [N, C, H, W] and `labels` int64 [N], on the CPU."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A training and a test split; `class_names` are in the order of the labels."""

    name: str
    title: str
    train: Split
    test: Split
    class_names: tuple[str, ...]

    @property
    def classes(self) -> int:
        """The number of classes; labels are 0 … classes-1."""
        return len(self.class_names)

    @property
    def image(self) -> tuple[int, int, int]:
        """(channels, height, width) of every image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    @property
    def arrays(self) -> Mapping[str, Tensor]:
        """The four arrays by name, as they are hashed and stored."""
        return {
            "train.images": self.train.images,
            "train.labels": self.train.labels,
            "test.images": self.test.images,
            "test.labels": self.test.labels,
        }
