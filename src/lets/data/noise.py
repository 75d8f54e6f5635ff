"""Symmetric label noise (paper §4.5)."""

import math
from fractions import Fraction

import torch
from torch import Tensor

from lets.errors import SpecError

__all__ = ["symmetric_noise"]


def symmetric_noise(
    labels: Tensor, rate: float = 0.4, classes: int = 10, seed: int = 0, exclude_true: bool = False
) -> Tensor:
    """Return a copy of `labels` [N] in which exactly ⌊rate·N⌋ random entries are drawn anew, uniformly.

    A new label is one of all `classes`, so that about 1/classes of the drawn ones stay as they are, or with
    `exclude_true` one of the others. The draw depends on `seed` alone (its own CPU generator), the entries of
    a lower rate are among those of a higher one. A rate outside [0, 1] or foreign labels raise SpecError.
    """
    _check(labels, rate, classes)
    generator = torch.Generator().manual_seed(seed)
    count = math.floor(Fraction(str(rate)) * len(labels))  # decimal: 0.29 of 100 labels are 29, not 28
    chosen = torch.randperm(len(labels), generator=generator)[:count]
    noisy = labels.clone()
    true = labels.cpu()[chosen]
    if exclude_true:
        drawn = (true + torch.randint(1, classes, (count,), generator=generator)) % classes
    else:
        drawn = torch.randint(classes, (count,), generator=generator)
    noisy[chosen.to(labels.device)] = drawn.to(labels)
    return noisy


def _check(labels: Tensor, rate: float, classes: int) -> None:
    if not 0 <= rate <= 1:
        raise SpecError(
            f"noise rate {rate} – not a share of the labels – give a number from 0 to 1, for example 0.4"
        )
    if classes < 2:
        raise SpecError(f"classes={classes} – label noise needs another class to flip to – give at least 2")
    if labels.ndim != 1 or labels.is_floating_point():
        raise SpecError(f"labels of shape {tuple(labels.shape)}, {labels.dtype} – want class numbers [N]")
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise SpecError(
            f"labels from {int(labels.min())} to {int(labels.max())} – outside 0…{classes - 1} – set classes"
        )
