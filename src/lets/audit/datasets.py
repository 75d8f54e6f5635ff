"""Check: prepared data against its origin, subsets and noisy labels against seed or file, all against the runs."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lets.audit.context import Context
from lets.audit.findings import Check, Finding, damaged
from lets.commands import command
from lets.config import RunSpec, seed_for
from lets.config.run import Noise
from lets.errors import DataError, LetsError
from lets.own import is_own

if TYPE_CHECKING:
    from torch import Tensor

    from lets.data import Dataset
    from lets.data.noisy_labels import NoiseCard


class TrainingSet(NamedTuple):
    """The part of a data set that runs are trained on: with which labels, and how many of its images; None: all."""

    noise: str
    samples: int | None

    @classmethod
    def of(cls, run: RunSpec) -> "TrainingSet":
        """Return that of a run."""
        return cls(run.noise, run.training.train_samples)

    def __str__(self) -> str:
        return f"{self.noise} ({self.samples} images)" if self.samples else self.noise


Sets = list[TrainingSet]


def check_data(context: Context) -> Check:
    """Hold every run against the data that the params name, and that data against its origin."""
    sets: dict[str, Sets] = {}
    for dataset, one in dict.fromkeys(
        (run.dataset, TrainingSet.of(run)) for run in context.matrix.runs.values()
    ):
        sets.setdefault(dataset, []).append(one)
    found = [finding for dataset in sets for finding in _dataset(context, dataset, sets[dataset])]
    failures = [one for one in found if one.run or Path(one.subject).exists()]
    absent = [
        replace(one, reason="is not here, so that runs cannot be held against it")
        for one in found
        if one not in failures
    ]
    warnings = [text for dataset in sets for text in _not_here(dataset, sets[dataset])]
    about = (
        "arrays by their digest, pictures by name and length, noisy labels recomputed from their seed or file"
    )
    return Check(
        "data", about, sum(map(len, sets.values())), tuple(failures), tuple(warnings), unchecked=tuple(absent)
    )


def _dataset(context: Context, dataset: str, sets: Sets) -> Iterator[Finding]:
    from lets.data.catalogue import describe

    info = describe(dataset)
    check = _pictures if info.pictures else _texts if info.vocabulary else _arrays
    try:
        yield from check(context, dataset, sets)
    except LetsError as error:
        yield _finding(context, dataset, sets, str(error))


def _arrays(context: Context, dataset: str, sets: Sets) -> Iterator[Finding]:
    from lets.data.dataset import arrays_sha256, read_processed

    arrays = read_processed(context.layout.arrays(dataset))
    digest, (published, origin) = arrays_sha256(arrays.arrays), _published(dataset)
    if published and digest != published:
        yield _finding(context, dataset, sets, f"the arrays are not those {origin}")
        return
    subsets = yield from _subsets(context, dataset, arrays.train.labels, sets)
    for one in sets:
        subset = subsets.get(one.samples)
        labels, reason = _labels(context, arrays, one, subset)
        if reason:
            yield _other_labels(context, dataset, one, reason)
        known = {"arrays": digest, **_images(subset)} | ({"training_labels": labels} if labels else {})
        yield from _runs(context, dataset, one, known)


def _published(dataset: str) -> tuple[str, str]:
    """Return the sha256 that the arrays of a data set must have, if it is known, and where it comes from."""
    from lets.data.dataset import arrays_sha256
    from lets.data.own import read
    from lets.data.sources import source

    if is_own(dataset):
        return arrays_sha256(read(dataset).arrays), f"that {dataset} returns, called once more"
    return source(dataset).arrays_sha256, "whose sha256 stands in datasets.yaml"


def _other_labels(context: Context, dataset: str, one: TrainingSet, reason: str) -> Finding:
    options = ["--train-samples", one.samples] if one.samples else []
    options += ["--download"] if Noise.parse(one.noise).human else []
    file = context.layout.labels(dataset, one.noise, one.samples)
    make = command("lets", "data", "noise", dataset, one.noise, *options)
    return Finding(str(file), reason, _cells(context, dataset, [one]), make=make)


def _subsets(
    context: Context, dataset: str, labels: "Tensor", sets: Sets
) -> Generator[Finding, None, dict[int | None, "Tensor"]]:
    """Sample the subsets of a training set with the true `labels` again; return them by their number of images.

    Yields a finding for each whose file is another one.
    """
    from lets.data.dataset import draw_subset, read_subset

    subsets: dict[int | None, Tensor] = {}
    for samples in dict.fromkeys(one.samples for one in sets if one.samples):
        seed, file = seed_for("subset", dataset), context.layout.subset(dataset, samples)
        subsets[samples] = draw_subset(labels, samples, seed)
        try:
            same = read_subset(file).equal(subsets[samples])
            reason = "" if same else f"the images are not those that seed {seed} gives"
        except LetsError as error:
            reason = str(error)
        if reason:
            cells = _cells(context, dataset, [one for one in sets if one.samples == samples])
            yield Finding(str(file), reason, cells, make=f"lets data subset {dataset} {samples}")
    return subsets


def _images(subset: "Tensor | None") -> dict[str, str]:
    """Return what the provenance of a run says of its subset."""
    from lets.data.dataset import arrays_sha256

    return {} if subset is None else {"images": arrays_sha256({"indices": subset})}


def _texts(context: Context, dataset: str, sets: Sets) -> Iterator[Finding]:
    from lets.data.dataset import arrays_sha256, read_artifact

    card, arrays = read_artifact(context.layout.prepared(dataset))
    if missing := card.get("missing"):
        yield _finding(context, dataset, sets, f"a part: {', '.join(missing)}")
    for one in sets:
        yield from _runs(context, dataset, one, {"arrays": arrays_sha256(arrays)})


def _pictures(context: Context, dataset: str, sets: Sets) -> Iterator[Finding]:
    """Hold the list of pictures against the whole data set, and against its folder where that is here."""
    from lets.data.dataset import arrays_sha256
    from lets.data.folder import read_index, scan

    index = read_index(context.layout.index(dataset))
    if index.missing:
        yield _finding(context, dataset, sets, f"a part: {', '.join(index.missing)}")
    folder = _folder(dataset, index.folder)
    if folder and scan(dataset, folder).sha256 != index.sha256:
        reason = f"{folder} holds other pictures than the list: other names, lengths or classes"
        yield _finding(context, dataset, sets, reason)
    subsets = yield from _subsets(context, dataset, index.labels, sets)
    for one in sets:
        subset = subsets.get(one.samples)
        labels = index.labels if subset is None else index.labels[subset]
        known = {"arrays": index.sha256, "training_labels": arrays_sha256({"labels": labels})}
        yield from _runs(context, dataset, one, known | _images(subset))


def _folder(dataset: str, name: str | None = None) -> Path | None:
    """Return the folder of the pictures, if it is here."""
    from lets.data.catalogue import describe
    from lets.data.folder import picture_folder
    from lets.data.sources import default_root

    try:
        return picture_folder(describe(dataset), default_root(), name)
    except DataError:
        return None


def _finding(context: Context, dataset: str, sets: Sets, reason: str) -> Finding:
    return Finding(
        str(context.layout.prepared(dataset)), reason, _cells(context, dataset, sets), make=prepare(dataset)
    )


def prepare(dataset: str) -> str:
    """Return the command that prepares a data set: as the workflow does, it fetches what is missing."""
    return command("lets", "data", "prepare", dataset, "--download")


def _labels(
    context: Context, arrays: "Dataset", one: TrainingSet, subset: "Tensor | None"
) -> tuple[str, str]:
    """Return the digest that the training labels must have, and how the files differ from what they must be.

    Noisy ones are recomputed; people's whose file is not here are held against their card, a warning says so.
    """
    from lets.data.dataset import arrays_sha256
    from lets.data.noisy_labels import card_of, read_noisy_labels

    true = arrays.train.labels if subset is None else arrays.train.labels[subset]
    if one.noise == "clean":
        return arrays_sha256({"labels": true}), ""
    named = arrays.name, one.noise, one.samples
    digest = ""
    try:
        made = _recomputed(arrays, one.noise, subset)
        digest = made[1].sha256 if made else ""
        there, card_there = read_noisy_labels(
            context.layout.labels(*named), context.layout.noise_card(*named)
        )
        labels, card = made or (there, card_of(true, there, card_there, whole=subset is None))
    except (LetsError, KeyError, TypeError, ValueError) as error:
        return digest, str(error)
    origin = "their file" if card.seed is None else f"seed {card.seed}"
    if not there.equal(labels):
        return card.sha256, f"{int((there != labels).sum())} labels are not those that {origin} gives"
    if card_there != card:
        source = "file" if card.seed is None else "seed"
        return card.sha256, f"the card beside the labels is not what their {source} gives"
    return card.sha256, ""


def _recomputed(
    arrays: "Dataset", noise: str, subset: "Tensor | None"
) -> tuple["Tensor", "NoiseCard"] | None:
    """Draw the labels from their seed or read them from their file; None if that file is not here."""
    from lets.data.cifar import human_labels_file
    from lets.data.noisy_labels import make_labels

    wanted = Noise.parse(noise)
    file = human_labels_file(arrays.name) if wanted.human else None
    if file and not file.is_file():
        return None
    return make_labels(
        arrays,
        noise,
        rate=wanted.rate,
        exclude_true=wanted.exclude_true,
        seed=seed_for("noise", arrays.name),
        people=file,
        subset=subset,
    )


def _not_here(dataset: str, sets: Sets) -> Iterator[str]:
    """Say what is held against its own digest alone, because its origin is not on this machine."""
    from lets.data.catalogue import describe
    from lets.data.cifar import human_labels_file

    if describe(dataset).pictures and not _folder(dataset):
        yield f"the list of {dataset}'s pictures is held against its own digest alone: their folder is not here"
    for noise in dict.fromkeys(one.noise for one in sets):
        if Noise.parse(noise).human and not (file := human_labels_file(dataset)).is_file():
            yield f"{dataset}/{noise} is held against its card alone: {file} is not here"


def _runs(context: Context, dataset: str, one: TrainingSet, digests: dict[str, str]) -> Iterator[Finding]:
    for record in context.complete:
        spec = context.matrix.runs[record.id]
        if (spec.dataset, TrainingSet.of(spec)) != (dataset, one):
            continue
        trained_on = record.provenance.data
        for name in digests:
            if trained_on.get(name) != digests[name]:
                reason = f"was trained on other {name.replace('_', ' ')} than {dataset}/{one} has"
                yield damaged(context, record.id, reason)


def _cells(context: Context, dataset: str, sets: Iterable[TrainingSet]) -> tuple[str, ...]:
    matrix = context.matrix.runs.items()
    runs = {id for id, run in matrix if run.dataset == dataset and TrainingSet.of(run) in sets}
    return tuple(cell.name for cell in context.cells if runs & set(cell.runs))
