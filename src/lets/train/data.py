"""The batches of one run: training, validation and test, on its device."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, cast

import torch

from lets.data.batches import Batches
from lets.data.catalogue import describe
from lets.data.digest import arrays_sha256
from lets.data.loader import Loader
from lets.data.noisy_labels import read_noisy_labels
from lets.data.processed import read_processed
from lets.spec import Layout, RunSpec, seed_for
from lets.spec.noise import Noise

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class RunData:
    """What one run trains on and is measured on."""

    train: Loader
    validation: Loader
    """the training set again, in an order of its own (paper §4.1)"""
    measured: Loader
    """what loss and accuracy of training are measured on after an epoch: all of the training set, or of a
    folder of pictures a random sample as large as the test set, the same in every run, in the test transform"""
    test: Loader
    classes: int
    image: tuple[int, int, int]
    digests: dict[str, str]
    """sha256 of the arrays (or of the list of pictures) and of the labels trained on"""

    @classmethod
    def read(
        cls,
        spec: RunSpec,
        layout: Layout,
        device: torch.device,
        rank: int = 0,
        ranks: int = 1,
        workers: int | None = None,
    ) -> "RunData":
        """Read the prepared data, with the noisy labels where the run asks for them, for one of `ranks`.

        Arrays are on the device once, however many loaders there are, and nowhere else. Pictures are read
        ahead by `workers` processes, by default as many as there are cores; any number gives the same batches.
        """
        training, info = spec.training, describe(spec.dataset)
        Noise.parse(spec.noise).check(info)
        common: dict[str, Any] = {
            "batch_size": training.batch_size,
            "mean": info.mean,
            "std": info.std,
            "device": device,
            "rank": rank,
            "ranks": ranks,
            "memory_format": torch.channels_last if training.channels_last else torch.contiguous_format,
        }
        if not info.pictures:
            return _from_arrays(spec, layout, common)
        return _from_pictures(spec, layout, workers, common)

    def pairs(
        self, epoch: int, val_batches: str, start: int = 0, stop: int | None = None
    ) -> Iterator[tuple[Batch, Batch]]:
        """Yield (training batch, validation batch) for the steps start … stop-1 of one epoch.

        With `next`, the validation batch of a step *is* the next step's training batch, so its gradient is
        reused; the last one of an epoch is drawn from the next epoch. The last one of the steps asked for is
        not carried over, so that a run resumed after it spends the same passes.
        """
        steps, stop = len(self.train), len(self.train) if stop is None else stop
        if val_batches == "independent":
            both = (loader.epoch(epoch, start, stop) for loader in (self.train, self.validation))
            return zip(*both, strict=True)
        stretch = self.train.epoch(epoch, start, stop + 1)
        if stop < steps:
            return pairwise(stretch)
        return pairwise(chain(stretch, self.train.epoch(epoch + 1, 0, 1)))


def _from_arrays(spec: RunSpec, layout: Layout, common: dict[str, Any]) -> RunData:
    info, dataset = describe(spec.dataset), read_processed(layout.prepared(spec.dataset))
    labels, seeds = dataset.train.labels, spec.seeds()
    if spec.noise != "clean":
        labels, _ = read_noisy_labels(
            layout.labels(spec.dataset, spec.noise), layout.noise_card(spec.dataset, spec.noise)
        )
    digests = {
        "arrays": arrays_sha256(dataset.arrays),
        "training_labels": arrays_sha256({"labels": labels}),
    }
    train = Batches(
        dataset.train.images,
        labels,
        augmentation=spec.training.augmentation,
        crop_padding=info.crop_padding,
        seed=seeds["order"],
        **common,
    )
    return RunData(
        train=train,
        validation=train.with_seed(seeds["validation"]),
        measured=train,
        test=Batches(dataset.test.images, dataset.test.labels, **common),
        classes=info.classes,
        image=cast(tuple[int, int, int], info.image),
        digests=digests,
    )


def _from_pictures(spec: RunSpec, layout: Layout, workers: int | None, common: dict[str, Any]) -> RunData:
    # Here, because torchvision takes a second to import, and a matrix of short runs has no pictures.
    from lets.data.folder import picture_folder
    from lets.data.index import read_index
    from lets.data.loading import default_root
    from lets.data.pictures import Pictures
    from lets.data.readers import Readers, default_workers

    info, index = describe(spec.dataset), read_index(layout.prepared(spec.dataset))
    folder = picture_folder(info, default_root(), index.folder)
    workers = default_workers(common["ranks"]) if workers is None else workers
    readers = Readers(workers, pin=common["device"].type == "cuda")
    common, seeds = {**common, "side": info.image[1], "readers": readers}, spec.seeds()
    train = Pictures(
        folder, index.train, augmentation=spec.training.augmentation, seed=seeds["order"], **common
    )
    chosen = torch.Generator().manual_seed(seed_for("measured", spec.dataset))
    sample = torch.randperm(len(index.train), generator=chosen)[: len(index.test)]
    return RunData(
        train=train,
        validation=train.with_seed(seeds["validation"]),
        measured=Pictures(folder, [index.train[i] for i in sample.tolist()], **common),
        test=Pictures(folder, index.test, **common),
        classes=info.classes,
        image=cast(tuple[int, int, int], info.image),
        digests=index.digests,
    )
