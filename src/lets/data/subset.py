"""A part of a training set, as many images of each class as the whole has in proportion, and its file."""

import math
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from lets.data.artifact import read_artifact, write_artifact
from lets.errors import SpecError

__all__ = ["draw_subset", "read_subset", "write_subset"]


def draw_subset(labels: Tensor, samples: int, seed: int) -> Tensor:
    """Return the numbers int64 [samples], increasing, of random ones among the true `labels` [N].

    Each class gets its share of `samples` rounded down; the images still missing go to the classes with the
    largest remainders. The draw depends on the labels and on `seed` alone (its own CPU generator). SpecError
    unless 0 < samples ≤ N.
    """
    if not 0 < samples <= len(labels):
        raise SpecError(
            f"{samples} of {len(labels)} training samples – no part of them – give for example {len(labels) // 2}"
        )
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    of_class = order[labels[order].argsort(stable=True)]
    totals = labels.bincount().tolist()
    parts = zip(torch.split(of_class, totals), _shares(totals, samples), strict=True)
    return torch.cat([part[:share] for part, share in parts]).sort().values


def _shares(totals: list[int], samples: int) -> list[int]:
    """Divide `samples` among classes in proportion to their `totals`, by largest remainder, first class first."""
    exact = [Fraction(samples * total, sum(totals)) for total in totals]
    shares = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda c: shares[c] - exact[c])
    for c in by_remainder[: samples - sum(shares)]:
        shares[c] += 1
    return shares


def write_subset(indices: Tensor, dataset: str, seed: int, path: Path) -> None:
    """Write the numbers of the images of a subset atomically; same content, same bytes."""
    write_artifact({"indices": indices}, {"name": dataset, "samples": len(indices), "seed": seed}, path)


def read_subset(path: Path) -> Tensor:
    """Read the numbers that `write_subset` wrote; a missing file raises DataError, other bytes ChecksumError."""
    dataset, samples = path.parent.parent.name, path.parent.name.removeprefix("train-")
    _, arrays = read_artifact(path, make=f"lets data subset {dataset} {samples}")
    return arrays["indices"]
