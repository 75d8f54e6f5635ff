"""ResNet-50 for large images, as torchvision builds it (paper §4.2)."""

from torch import nn
from torchvision.models import resnet50 as torchvision_resnet50

from lets.errors import SpecError

__all__ = ["resnet50"]


def resnet50(classes: int, image: tuple[int, int, int]) -> nn.Module:
    """Build torchvision's ResNet-50 without trained weights; images other than RGB raise SpecError."""
    if image[0] != 3:
        raise SpecError(
            f"image {image} – resnet50 takes RGB images – use resnet18, or repeat the channel three times"
        )
    network: nn.Module = torchvision_resnet50(weights=None, num_classes=classes)
    return network
