"""What one run trains on and is measured on, on its device: images in memory, pictures on disk, or texts."""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn

import lets.models.catalogue
from lets.config import RunSpec, seed_for
from lets.config.paths import Layout
from lets.config.run import Noise
from lets.config.training import Precision, held_out
from lets.data.catalogue import describe
from lets.data.dataset import Dataset, arrays_sha256, read_processed, read_subset
from lets.data.folder import picture_folder, read_index
from lets.data.images import Batches
from lets.data.loader import Loader
from lets.data.noisy_labels import read_noisy_labels
from lets.data.parallel import Translation
from lets.data.pretrained import Pretrained, read_pretrained
from lets.data.sources import default_root
from lets.data.texts import TextDataset, encode
from lets.data.tokens import Pairs, SentencePairs, Sentences
from lets.train.device import evaluating
from lets.train.tasks import Batch, evaluate, glue_scores, in_precision
from lets.train.translation import bleu_scores

Scores = Callable[[nn.Module], dict[str, float]]


@dataclass(frozen=True)
class Place:
    """Where batches are needed: on which device, and by which of how many ranks."""

    device: torch.device
    rank: int
    ranks: int


@dataclass(frozen=True)
class RunData:
    """What one run trains on and is measured on."""

    train: Loader
    validation: Loader
    """the training set again, in an order of its own (paper §4.1); or what is held out of it"""
    measured: Loader
    """what loss and accuracy of training are measured on after an epoch: all images in memory; of pictures on
    disk (in the test transform) and of texts a random sample as large as the test set, the same in every run"""
    test: Loader
    classes: int
    image: tuple[int, ...]
    """(channels, height, width), or the size of the vocabulary"""
    digests: dict[str, str]
    """sha256 of the arrays (or of the list of pictures) and of the labels trained on; of pretrained weights"""
    pretrained: Mapping[str, torch.Tensor] | None = None
    """the weights to start from, but for those of the head"""
    scores: Scores | None = None
    """what else a network reaches, in percent: of texts every metric of the data set, of images the accuracy on
    those held out"""

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
        info = describe(spec.dataset)
        Noise.parse(spec.noise).check(info)
        place = Place(device, rank, ranks)
        if info.vocabulary:
            return read_texts(spec, layout, place)
        if info.pictures:
            return read_pictures(spec, layout, place, workers)
        return read_arrays(spec, layout, place)

    def pairs(
        self, epoch: int, val_batches: str, start: int = 0, stop: int | None = None
    ) -> Iterator[tuple[Batch, Batch]]:
        """Yield (training batch, validation batch) for the steps start … stop-1 of one epoch.

        With `next`, the validation batch of a step *is* the next step's training batch, so its gradient is
        reused; the last one of an epoch is drawn from the next epoch. The last one of the steps asked for is
        not carried over, so that a run resumed after it spends the same passes. Held-out samples are few and come
        round more often than an epoch ends.
        """
        steps, stop = len(self.train), len(self.train) if stop is None else stop
        if val_batches == "independent":
            both = (loader.epoch(epoch, start, stop) for loader in (self.train, self.validation))
            return zip(*both, strict=True)
        if val_batches == "held-out":
            turns = endless(self.validation, epoch * steps + start)
            return zip(self.train.epoch(epoch, start, stop), turns, strict=False)
        interval = self.train.epoch(epoch, start, stop + 1)
        if stop < steps:
            return pairwise(interval)
        return pairwise(chain(interval, self.train.epoch(epoch + 1, 0, 1)))


def endless(loader: Loader, step: int) -> Iterator[Batch]:
    """Yield the batches of a loader from its `step`-th on, epoch after epoch."""
    epoch, first = divmod(step, len(loader))
    while True:
        yield from loader.epoch(epoch, first)
        epoch, first = epoch + 1, 0


def read_arrays(spec: RunSpec, layout: Layout, place: Place) -> RunData:
    """Read images that fit into memory, with the noisy labels where the run asks for them."""
    info, dataset = describe(spec.dataset), read_processed(layout.prepared(spec.dataset))
    seeds, common = spec.seeds(), _common(spec, place)
    (images, labels), digests = _training_set(spec, layout, dataset)

    def batches(images: Tensor, labels: Tensor) -> Batches:
        return Batches(
            images,
            labels,
            augmentation=spec.training.augmentation,
            crop_padding=info.crop_padding,
            seed=seeds["order"],
            **common,
        )

    scores = None
    if spec.training.val_batches == "held-out":
        train, validation = (batches(images[part], labels[part]) for part in _split(spec, len(labels)))
        scores = partial(_on_held_out, validation, spec.training.precision)
    else:
        train = validation = batches(images, labels)
    return RunData(
        train=train,
        validation=validation.with_seed(seeds["validation"]),
        measured=train,
        test=Batches(dataset.test.images, dataset.test.labels, **common),
        classes=info.classes,
        image=info.image,
        digests={"arrays": arrays_sha256(dataset.arrays), **digests},
        scores=scores,
    )


def _training_set(
    spec: RunSpec, layout: Layout, dataset: Dataset
) -> tuple[tuple[Tensor, Tensor], dict[str, str]]:
    """Images and labels to train on, and their digests."""
    images, labels = dataset.train.images, dataset.train.labels
    samples, digests = spec.training.train_samples, {}
    if samples:
        subset = read_subset(layout.subset(spec.dataset, samples))
        images, labels = images[subset], labels[subset]
        digests["images"] = arrays_sha256({"indices": subset})
    if spec.noise != "clean":
        named = spec.dataset, spec.noise, samples
        labels, _ = read_noisy_labels(layout.labels(*named), layout.noise_card(*named))
    return (images, labels), digests | {"training_labels": arrays_sha256({"labels": labels})}


def _split(spec: RunSpec, samples: int) -> tuple[Tensor, Tensor]:
    """The samples to train on and those held out, by number: the same ones in every run on a data set."""
    chance = torch.Generator().manual_seed(seed_for("held-out", spec.dataset))
    held = torch.randperm(samples, generator=chance)[: held_out(samples, spec.training.batch_size)]
    trained = torch.ones(samples, dtype=torch.bool)
    trained[held] = False
    return trained.nonzero().flatten(), held.sort().values


def _on_held_out(held: Batches, precision: Precision, model: torch.nn.Module) -> dict[str, float]:
    """What settings can be chosen by without a look at the test set; every rank measures all of it."""
    whole = copy(held)
    whole.rank, whole.ranks = 0, 1
    return {"held_out_accuracy": evaluate(model, whole, precision).accuracy}


def read_pictures(spec: RunSpec, layout: Layout, place: Place, workers: int | None) -> RunData:
    """Read the list of pictures that stay on disk, and get `workers` ready to decode them."""
    # Here, because torchvision takes a second to import, and a matrix of short runs has no pictures.
    from lets.data.pictures import Pictures, Readers, default_workers

    info, index = describe(spec.dataset), read_index(layout.prepared(spec.dataset))
    digests = {"arrays": index.sha256}
    if samples := spec.training.train_samples:
        subset = read_subset(layout.subset(spec.dataset, samples))
        index = index.part(subset)
        digests["images"] = arrays_sha256({"indices": subset})
    folder = picture_folder(info, default_root(), index.folder)
    workers = default_workers(place.ranks) if workers is None else workers
    readers = Readers(workers, pin=place.device.type == "cuda")
    common, seeds = _common(spec, place) | {"side": info.image[1], "readers": readers}, spec.seeds()
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
        image=info.image,
        digests=digests | {"training_labels": arrays_sha256({"labels": index.labels})},
    )


def _common(spec: RunSpec, place: Place) -> dict[str, Any]:
    info, training = describe(spec.dataset), spec.training
    return {
        "batch_size": training.batch_size,
        "mean": info.mean,
        "std": info.std,
        "memory_format": torch.channels_last if training.channels_last else torch.contiguous_format,
        **vars(place),
    }


BATCH = 100
"""sentences judged at a time"""


def read_texts(spec: RunSpec, layout: Layout, place: Place) -> RunData:
    """Read a prepared data set of texts, in the vocabulary of the run's architecture."""
    read = _read_pairs if describe(spec.dataset).task == "translation" else _read_sentences
    return read(spec, layout, {"batch_size": spec.training.batch_size, **vars(place)})


def _read_sentences(spec: RunSpec, layout: Layout, common: dict[str, Any]) -> RunData:
    dataset, seeds = TextDataset.read(layout.prepared(spec.dataset)), spec.seeds()
    pretrained = _pretrained(spec)
    tokenizer = pretrained.tokenizer if pretrained else dataset.tokenizer
    digests = _digests(dataset.arrays, dataset.train.labels)
    tokens = {split: encode(texts.rows, tokenizer) for split, texts in dataset.splits.items()}
    loaders = {
        split: Sentences(tokens[split], texts.labels, **common) for split, texts in dataset.splits.items()
    }
    train = loaders.pop("train")
    chosen = _sample(spec, len(dataset.train), len(dataset.test))
    info = lets.models.catalogue.describe(spec.architecture)
    return RunData(
        train=train.with_seed(seeds["order"]),
        validation=train.with_seed(seeds["validation"]),
        measured=Sentences(tokens["train"].some(chosen), dataset.train.labels[chosen], **common),
        test=loaders["test"],
        classes=dataset.classes,
        image=info.image if pretrained else (describe(spec.dataset).vocabulary,),
        digests=digests | ({"pretrained": pretrained.sha256} if pretrained else {}),
        pretrained=pretrained.weights if pretrained else None,
        scores=partial(_judged, spec, loaders),
    )


def _read_pairs(spec: RunSpec, layout: Layout, common: dict[str, Any]) -> RunData:
    corpus, seeds = Translation.read(layout.prepared(spec.dataset)), spec.seeds()
    pairs = corpus.splits["train"]
    train = SentencePairs(pairs, seed=seeds["order"], **common)
    test = SentencePairs(corpus.splits["test"], **common)
    chosen = _sample(spec, len(pairs), len(corpus.splits["test"]))
    return RunData(
        train=train,
        validation=train.with_seed(seeds["validation"]),
        measured=SentencePairs(Pairs(pairs.source.some(chosen), pairs.target.some(chosen)), **common),
        test=test,
        classes=0,
        image=(corpus.vocabulary,),
        digests=_digests(corpus.arrays, corpus.splits["train"].target.ids),
        scores=partial(
            bleu_scores,
            pairs=test,
            references=corpus.references["test"],
            bpe=corpus.bpe,
            precision=spec.training.precision,
        ),
    )


def _pretrained(spec: RunSpec) -> Pretrained | None:
    repository = lets.models.catalogue.describe(spec.architecture).pretrained
    return read_pretrained(repository, default_root()) if repository else None


def _digests(arrays: Any, labels: Tensor) -> dict[str, str]:
    return {"arrays": arrays_sha256(arrays), "training_labels": arrays_sha256({"labels": labels})}


def _sample(spec: RunSpec, count: int, size: int) -> Tensor:
    """Which training texts the training loss is measured on after an epoch: the same in every run."""
    generator = torch.Generator().manual_seed(seed_for("measured", spec.dataset))
    return torch.randperm(count, generator=generator)[:size].sort().values


def _judged(spec: RunSpec, splits: Mapping[str, Sentences], model: nn.Module) -> dict[str, float]:
    """Every score of GLUE, in eval mode; on MNLI's mismatched sentences as `accuracy_mismatched`."""
    scores = dict[str, float]()
    for split, texts in splits.items():
        forward = in_precision(model, spec.training.precision, texts.labels.device)
        with evaluating(model):
            outputs, labels = zip(*((forward(x), y) for x, y in texts.plain(BATCH)), strict=True)
        found = glue_scores(spec.dataset, torch.cat(outputs), torch.cat(labels))
        scores |= {name if split == "test" else f"{name}_{split}": value for name, value in found.items()}
    return scores
