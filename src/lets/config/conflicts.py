"""What one run cannot be: values that are fine alone and impossible together."""

from collections.abc import Iterator

import lets.data.catalogue
import lets.models.catalogue
from lets.config.effort import steps, trained_on
from lets.config.messages import Problem, short
from lets.config.noise import Noise
from lets.config.run import RunSpec
from lets.errors import SpecError

READERS = {"translation": "transformer", "classification": "deberta", "regression": "deberta"}
"""task of a data set of texts → the family of architectures that can do it"""
MOST_STEPS = 10**8
"""of a run, whose trace holds numbers of every step in memory; the longest of the paper's takes 469,200"""


def conflicts(run: RunSpec) -> Iterator[Problem]:
    """Yield every conflict of a run: its place in the experiment, and *value – why – a line to paste*."""
    training, dataset = run.training, lets.data.catalogue.describe(run.dataset)
    try:
        Noise.parse(run.noise).check(dataset)
    except SpecError as error:
        yield ("noise",), str(error)
    yield from _of_texts(run)
    yield from _of_size(run)
    yield from _of_length(run)
    if dataset.pictures and training.augmentation == "crop-flip-cutout":
        yield (
            ("training", "augmentation"),
            f"{training.augmentation!r} on {dataset.title} – cutout is for data sets in memory – "
            "write  augmentation: crop-flip",
        )
    largest = min(training.batch_size, max(1, trained_on(run)))
    if training.ranks > largest:
        yield (
            ("training", "ranks"),
            f"{training.ranks} ranks – a batch of {largest} has no sample for each – write  ranks: {largest}",
        )
    if training.val_batches == "held-out" and (dataset.pictures or dataset.vocabulary):
        yield (
            ("training", "val_batches"),
            f"val_batches: held-out of {dataset.title} – only images in memory are split – "
            "write  val_batches: independent",
        )
    if training.epochs % training.measure_every:
        whole = training.measure_every * -(-training.epochs // training.measure_every)
        yield (
            ("training", "epochs"),
            f"measure_every: {training.measure_every} of {training.epochs} epochs – the last one would not be "
            f"measured – write  epochs: {whole}",
        )
    if training.dropout == "same" and training.val_batches == "next":
        yield (
            ("training", "val_batches"),
            "dropout: same with val_batches: next – a gradient that is kept for the next step has the masks of "
            "this one – write  val_batches: independent",
        )
    if training.compile and run.hyperparameters.get("hessian") == "exact":
        yield (
            ("training", "compile"),
            "compile with hessian: exact – a compiled network cannot be differentiated twice – "
            "write  compile: false",
        )


def _of_size(run: RunSpec) -> Iterator[Problem]:
    """A subset is a part of the images, with one of each class at least; something is left to train on."""
    dataset, samples = lets.data.catalogue.describe(run.dataset), run.training.train_samples
    at = ("training", "train_samples")
    written, there = f"train_samples: {samples}", f"{dataset.title} has {dataset.train_size:,}"
    if samples and dataset.vocabulary:
        yield at, f"{written} of {dataset.title} – only images are trained on in part – delete it"
    elif samples and samples == dataset.train_size:
        yield at, f"{written} – {there}, and without it all are trained on – delete it"
    elif samples and samples > dataset.train_size:
        yield at, f"{written} – {there} – write  train_samples: {dataset.train_size // 2}"
    elif samples and samples < dataset.classes:
        yield (
            at,
            f"{written} – {dataset.title} has {dataset.classes} classes – write  train_samples: {dataset.classes}",
        )
    elif run.training.val_batches == "held-out" and trained_on(run) <= 0:
        size = samples or dataset.train_size
        yield (
            ("training", "batch_size"),
            f"val_batches: held-out – {run.training.batch_size} samples at least are held out, and there are "
            f"{size} – write  batch_size: {max(1, size // 4)}",
        )


def _of_length(run: RunSpec) -> Iterator[Problem]:
    """A run ends some day, and every step of it fits into memory."""
    training, there = run.training, steps(run)
    if there <= MOST_STEPS:
        return
    epochs, every = MOST_STEPS * training.epochs // there, training.measure_every
    reason = f"{there:,} steps in one run, and a run that keeps numbers of each has at most {MOST_STEPS:,}"
    if every > epochs:
        yield ("training", "measure_every"), f"{short(every)} – {reason} – write  measure_every: 1"
    else:
        yield (
            ("training", "epochs"),
            f"{short(training.epochs)} – {reason} – write  epochs: {epochs - epochs % every}",
        )


def _of_texts(run: RunSpec) -> Iterator[Problem]:
    """Texts need a network that reads them, and images one that sees."""
    dataset = lets.data.catalogue.describe(run.dataset)
    network = lets.models.catalogue.describe(run.architecture)
    reader = READERS[dataset.task] if dataset.vocabulary else None
    if (reader or network.family in READERS.values()) and network.family != reader:
        yield (
            ("architectures",),
            f"{run.architecture} on {run.dataset} – is not made for it – "
            f"write  architectures: [{', '.join(_fitting(reader))}]",
        )
    if reader and (augmentation := run.training.augmentation) != "none":
        yield (
            ("training", "augmentation"),
            f"augmentation: {augmentation} of texts – there is none – write  augmentation: none",
        )
    if reader and run.training.ranks > 1:
        yield (
            ("training", "ranks"),
            f"{run.training.ranks} ranks on texts – one process trains them – write  ranks: 1",
        )


def _fitting(reader: str | None) -> list[str]:
    every = lets.models.catalogue.ARCHITECTURES.items()
    if reader:
        return [name for name, one in every if one.family == reader]
    return [name for name, one in every if one.family not in READERS.values()]
