"""Check: arrays against their published digest, noisy labels against their seed, both against the runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged
from lets.errors import LetsError, RecordError
from lets.spec import seed_for
from lets.spec.noise import Noise

if TYPE_CHECKING:
    from lets.data import Dataset


def check_data(case: Case) -> Check:
    """Every run was trained on the data that the params name, and that data is still what it was."""
    noises: dict[str, list[str]] = {}
    for dataset, noise in dict.fromkeys((run.dataset, run.noise) for run in case.matrix.runs.values()):
        noises.setdefault(dataset, []).append(noise)
    failures = [finding for dataset in noises for finding in _dataset(case, dataset, noises[dataset])]
    about = "arrays by their digest, noisy labels drawn again from their seed"
    return Check("data", about, sum(map(len, noises.values())), tuple(failures))


def _dataset(case: Case, dataset: str, noises: list[str]) -> Iterator[Finding]:
    from lets.data.digest import arrays_sha256
    from lets.data.processed import read_processed
    from lets.data.sources import source

    path, prepare = case.layout.arrays(dataset), f"lets data prepare {dataset}"
    try:
        arrays = read_processed(path)
    except LetsError as error:
        yield Finding(str(path), str(error), _cells(case, dataset, noises), make=prepare)
        return
    digest, published = arrays_sha256(arrays.arrays), source(dataset).arrays_sha256
    if published and digest != published:
        reason = "the arrays are not those whose sha256 stands in datasets.yaml"
        yield Finding(str(path), reason, _cells(case, dataset, noises), make=prepare)
        return
    for noise in noises:
        labels, reason = _labels(case, arrays, noise)
        if reason:
            make = f"lets data noise {dataset} {noise}"
            yield Finding(
                str(case.layout.labels(dataset, noise)), reason, _cells(case, dataset, [noise]), make=make
            )
        yield from _runs(case, dataset, noise, {"arrays": digest, "training_labels": labels})


def _labels(case: Case, arrays: "Dataset", noise: str) -> tuple[str, str]:
    """Draw the training labels from their seed; return their digest, and how the files differ from them."""
    from lets.data.digest import arrays_sha256
    from lets.data.noisy_labels import make_noisy_labels, read_noisy_labels

    if noise == "clean":
        return arrays_sha256({"labels": arrays.train.labels}), ""
    wanted = Noise.parse(noise)
    labels, card = make_noisy_labels(
        arrays.train.labels,
        dataset=arrays.name,
        noise=noise,
        rate=wanted.rate,
        exclude_true=wanted.exclude_true,
        classes=arrays.classes,
        seed=seed_for("noise", arrays.name),
    )
    files = case.layout.labels(arrays.name, noise), case.layout.noise_card(arrays.name, noise)
    try:
        there, card_there = read_noisy_labels(*files)
    except (LetsError, KeyError, TypeError) as error:
        return card.sha256, str(error)
    if not there.equal(labels):
        return card.sha256, f"{int((there != labels).sum())} labels are not those that seed {card.seed} gives"
    return (
        card.sha256,
        "" if card_there == card else "the card beside the labels is not what their seed gives",
    )


def _runs(case: Case, dataset: str, noise: str, digests: dict[str, str]) -> Iterator[Finding]:
    for record in case.complete():
        spec = case.matrix.runs[record.id]
        if (spec.dataset, spec.noise) != (dataset, noise):
            continue
        try:
            trained_on = record.provenance.data
        except RecordError:
            continue  # named by the check of the matrix
        for name in digests:
            if trained_on.get(name) != digests[name]:
                reason = f"was trained on other {name.replace('_', ' ')} than {dataset}/{noise} has"
                yield damaged(case, record.id, reason)


def _cells(case: Case, dataset: str, noises: list[str]) -> tuple[str, ...]:
    matrix = case.matrix.runs.items()
    runs = {id for id, run in matrix if run.dataset == dataset and run.noise in noises}
    return tuple(place.name for place in case.printed if runs & set(place.runs))
