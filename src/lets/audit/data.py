"""Check: prepared data against its origin, noisy labels against their seed or file, both against the runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged
from lets.errors import DataError, LetsError
from lets.spec import seed_for
from lets.spec.noise import Noise

if TYPE_CHECKING:
    from torch import Tensor

    from lets.data import Dataset
    from lets.data.noisy_labels import NoiseCard


def check_data(case: Case) -> Check:
    """Every run was trained on the data that the params name, and that data is still what it was."""
    noises: dict[str, list[str]] = {}
    for dataset, noise in dict.fromkeys((run.dataset, run.noise) for run in case.matrix.runs.values()):
        noises.setdefault(dataset, []).append(noise)
    failures = [finding for dataset in noises for finding in _dataset(case, dataset, noises[dataset])]
    warnings = [text for dataset in noises for text in _not_here(dataset, noises[dataset])]
    about = (
        "arrays by their digest, pictures by name and length, noisy labels made again from their seed or file"
    )
    return Check("data", about, sum(map(len, noises.values())), tuple(failures), tuple(warnings))


def _dataset(case: Case, dataset: str, noises: list[str]) -> Iterator[Finding]:
    from lets.data.catalogue import describe

    info = describe(dataset)
    check = _pictures if info.pictures else _texts if info.vocabulary else _arrays
    try:
        yield from check(case, dataset, noises)
    except LetsError as error:
        yield _finding(case, dataset, noises, str(error))


def _arrays(case: Case, dataset: str, noises: list[str]) -> Iterator[Finding]:
    from lets.data.digest import arrays_sha256
    from lets.data.processed import read_processed
    from lets.data.sources import source

    arrays = read_processed(case.layout.arrays(dataset))
    digest, published = arrays_sha256(arrays.arrays), source(dataset).arrays_sha256
    if published and digest != published:
        reason = "the arrays are not those whose sha256 stands in datasets.yaml"
        yield _finding(case, dataset, noises, reason)
        return
    for noise in noises:
        labels, reason = _labels(case, arrays, noise)
        if reason:
            make = f"lets data noise {dataset} {noise}"
            yield Finding(
                str(case.layout.labels(dataset, noise)), reason, _cells(case, dataset, [noise]), make=make
            )
        known = {"arrays": digest, "training_labels": labels} if labels else {"arrays": digest}
        yield from _runs(case, dataset, noise, known)


def _texts(case: Case, dataset: str, noises: list[str]) -> Iterator[Finding]:
    from lets.data.artifact import read_artifact
    from lets.data.digest import arrays_sha256

    card, arrays = read_artifact(case.layout.prepared(dataset))
    if missing := card.get("missing"):
        yield _finding(case, dataset, noises, f"a part: {', '.join(missing)}")
    for noise in noises:
        yield from _runs(case, dataset, noise, {"arrays": arrays_sha256(arrays)})


def _pictures(case: Case, dataset: str, noises: list[str]) -> Iterator[Finding]:
    """Hold the list of pictures against the whole data set, and against its folder where that is here."""
    from lets.data.folder import scan
    from lets.data.index import read_index

    index = read_index(case.layout.index(dataset))
    if index.missing:
        yield _finding(case, dataset, noises, f"a part: {', '.join(index.missing)}")
    folder = _folder(dataset, index.folder)
    if folder and scan(dataset, folder).sha256 != index.sha256:
        reason = f"{folder} holds other pictures than the list: other names, lengths or classes"
        yield _finding(case, dataset, noises, reason)
    for noise in noises:
        yield from _runs(case, dataset, noise, index.digests)


def _folder(dataset: str, name: str | None = None) -> Path | None:
    """The folder of the pictures, if it is here."""
    from lets.data.catalogue import describe
    from lets.data.folder import picture_folder
    from lets.data.root import default_root

    try:
        return picture_folder(describe(dataset), default_root(), name)
    except DataError:
        return None


def _finding(case: Case, dataset: str, noises: list[str], reason: str) -> Finding:
    make = f"lets data prepare {dataset}"
    return Finding(str(case.layout.prepared(dataset)), reason, _cells(case, dataset, noises), make=make)


def _labels(case: Case, arrays: "Dataset", noise: str) -> tuple[str, str]:
    """Return the digest that the training labels must have, and how the files differ from what they must be.

    Noisy ones are made again; people's whose file is not here are held against their card, a warning says so.
    """
    from lets.data.digest import arrays_sha256
    from lets.data.noisy_labels import card_of, read_noisy_labels

    if noise == "clean":
        return arrays_sha256({"labels": arrays.train.labels}), ""
    files = case.layout.labels(arrays.name, noise), case.layout.noise_card(arrays.name, noise)
    digest = ""
    try:
        made = _made_again(arrays, noise)
        digest = made[1].sha256 if made else ""
        there, card_there = read_noisy_labels(*files)
        labels, card = made or (there, card_of(arrays.train.labels, there, card_there))
    except (LetsError, KeyError, TypeError, ValueError) as error:
        return digest, str(error)
    origin = "their file" if card.seed is None else f"seed {card.seed}"
    if not there.equal(labels):
        return card.sha256, f"{int((there != labels).sum())} labels are not those that {origin} gives"
    if card_there != card:
        source = "file" if card.seed is None else "seed"
        return card.sha256, f"the card beside the labels is not what their {source} gives"
    return card.sha256, ""


def _made_again(arrays: "Dataset", noise: str) -> tuple["Tensor", "NoiseCard"] | None:
    """Draw the labels from their seed or read them from their file; None if that file is not here."""
    from lets.data.human_labels import human_labels_file
    from lets.data.noisy_labels import make_human_labels, make_noisy_labels

    wanted, true, classes = Noise.parse(noise), arrays.train.labels, arrays.classes
    if not wanted.human:
        return make_noisy_labels(
            true,
            dataset=arrays.name,
            noise=noise,
            rate=wanted.rate,
            exclude_true=wanted.exclude_true,
            classes=classes,
            seed=seed_for("noise", arrays.name),
        )
    file = human_labels_file(arrays.name)
    if not file.is_file():
        return None
    return make_human_labels(true, dataset=arrays.name, noise=noise, classes=classes, path=file)


def _not_here(dataset: str, noises: list[str]) -> Iterator[str]:
    """Say what is held against its own digest alone, because its origin is not on this machine."""
    from lets.data.catalogue import describe
    from lets.data.human_labels import human_labels_file

    if describe(dataset).pictures and not _folder(dataset):
        yield f"the list of {dataset}'s pictures is held against its own digest alone: their folder is not here"
    for noise in noises:
        if Noise.parse(noise).human and not (file := human_labels_file(dataset)).is_file():
            yield f"{dataset}/{noise} is held against its card alone: {file} is not here"


def _runs(case: Case, dataset: str, noise: str, digests: dict[str, str]) -> Iterator[Finding]:
    for record in case.complete():
        spec = case.matrix.runs[record.id]
        if (spec.dataset, spec.noise) != (dataset, noise):
            continue
        trained_on = record.provenance.data
        for name in digests:
            if trained_on.get(name) != digests[name]:
                reason = f"was trained on other {name.replace('_', ' ')} than {dataset}/{noise} has"
                yield damaged(case, record.id, reason)


def _cells(case: Case, dataset: str, noises: list[str]) -> tuple[str, ...]:
    matrix = case.matrix.runs.items()
    runs = {id for id, run in matrix if run.dataset == dataset and run.noise in noises}
    return tuple(place.name for place in case.printed if runs & set(place.runs))
