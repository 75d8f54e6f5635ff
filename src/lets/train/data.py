"""The batches of one run: training, validation and test, on its device."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, pairwise
from typing import cast

import torch

from lets.data.batches import Batches
from lets.data.catalogue import describe
from lets.data.digest import arrays_sha256
from lets.data.noisy_labels import read_noisy_labels
from lets.data.processed import read_processed
from lets.spec import Layout, RunSpec

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class RunData:
    """What one run trains on and is measured on."""

    train: Batches
    validation: Batches
    """the training set again, in an order of its own (paper §4.1)"""
    test: Batches
    classes: int
    image: tuple[int, int, int]
    digests: dict[str, str]
    """sha256 of the arrays and of the labels trained on"""

    @classmethod
    def read(cls, spec: RunSpec, layout: Layout, device: torch.device) -> "RunData":
        """Read the processed arrays, with the noisy labels where the run asks for them."""
        info, dataset = describe(spec.dataset), read_processed(layout.arrays(spec.dataset))
        labels = dataset.train.labels
        if spec.noise != "clean":
            labels, _ = read_noisy_labels(
                layout.labels(spec.dataset, spec.noise), layout.noise_card(spec.dataset, spec.noise)
            )
        batches = partial(
            Batches, batch_size=spec.training.batch_size, mean=info.mean, std=info.std, device=device
        )
        shuffled = partial(
            batches,
            dataset.train.images,
            labels,
            augmentation=spec.training.augmentation,
            crop_padding=info.crop_padding,
        )
        seeds = spec.seeds()
        return cls(
            train=shuffled(seed=seeds["order"]),
            validation=shuffled(seed=seeds["validation"]),
            test=batches(dataset.test.images, dataset.test.labels),
            classes=info.classes,
            image=cast(tuple[int, int, int], info.image),
            digests={
                "arrays": arrays_sha256(dataset.arrays),
                "training_labels": arrays_sha256({"labels": labels}),
            },
        )

    def pairs(self, epoch: int, val_batches: str) -> Iterator[tuple[Batch, Batch]]:
        """Yield (training batch, validation batch) for every step of one epoch.

        With `next`, the validation batch of a step *is* the next step's training batch, so its gradient is
        reused; the last one of an epoch is drawn from the next epoch and not carried over, so that a run
        resumed between epochs spends the same passes.
        """
        if val_batches == "independent":
            return zip(self.train.epoch(epoch), self.validation.epoch(epoch), strict=True)
        first_of_next = islice(self.train.epoch(epoch + 1), 1)
        return pairwise(chain(self.train.epoch(epoch), first_of_next))
