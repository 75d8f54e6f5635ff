"""`lets data` as it is called."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lets.cli.data import noise, prepare, subset, weights
from lets.config.paths import Layout
from lets.data import cifar, noisy_labels
from lets.data.catalogue import DATASETS, HUMAN_LABELS, DatasetInfo, HumanLabels
from lets.data.corpus import Corpus, Lines
from lets.data.dataset import read_processed, read_subset
from lets.data.folder import read_index
from lets.data.noisy_labels import read_noisy_labels
from lets.data.parallel import Translation, encode
from lets.data.sources import Archive, source
from lets.data.texts import TextDataset
from lets.errors import DataError, SpecError

LAYOUT = Layout("")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_arrays(capsys: Any) -> None:
    prepare("digits")
    assert capsys.readouterr().out == "data: data/processed/digits/arrays.safetensors\n"
    assert len(read_processed(LAYOUT.arrays("digits")).train) == 1437
    with pytest.raises(SpecError, match="--partial – digits is whole or it is not read – leave it out"):
        prepare("digits", partial=True)


def test_texts(glue_root: Path, capsys: Any) -> None:
    prepare("rte", root=glue_root)
    printed = capsys.readouterr()
    assert printed.out == "data: data/processed/rte/arrays.safetensors\n"
    cut = "texts of {} are longer than 256 tokens, the rest of them is not read"
    assert printed.err.splitlines() == [
        f"note: 41 of 2490 {cut.format('train')}",
        f"note: 5 of 277 {cut.format('test')}",
    ]
    assert len(TextDataset.read(LAYOUT.prepared("rte")).train) == 2490


def test_a_corpus_is_read_by_the_reader_of_its_row(monkeypatch: Any, capsys: Any) -> None:
    lines = Lines(["ein haus"], ["a house"])
    corpus = Corpus("emoji", dict.fromkeys(("train", "valid", "test"), lines), missing=(), code=None)
    asked = []

    def read(*arguments: object) -> Translation:
        asked.append(arguments)
        return encode(corpus)

    monkeypatch.setattr("lets.data.packaged.read_emoji", read)
    prepare("emoji", root=Path("mine"), download=True)
    assert asked == [(source("emoji"), Path("mine"), True)]
    assert capsys.readouterr() == ("data: data/processed/emoji/arrays.safetensors\n", "")
    assert Translation.read(LAYOUT.prepared("emoji")).references["test"] == ("a house",)


@pytest.mark.parametrize(
    ("dataset", "read"),
    [
        ("cifar10", read_processed),
        ("imagenette", read_index),
        ("multi30k", Translation.read),
        ("rte", TextDataset.read),
    ],
)
def test_what_is_not_there_is_fetched_by_the_printed_command(dataset: str, read: Any) -> None:
    path = LAYOUT.prepared(dataset)
    with pytest.raises(DataError, match=f"missing – run  lets data prepare {dataset} --download$"):
        read(path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    with pytest.raises(DataError, match=f"delete it and run  lets data prepare {dataset} --download$"):
        read(path)


def test_the_printed_command_fetches_peoples_labels() -> None:
    for samples in (None, 500):
        paths = (
            LAYOUT.labels("cifar10", "human-worse", samples),
            LAYOUT.noise_card("cifar10", "human-worse", samples),
        )
        with pytest.raises(DataError, match=r"run  lets data noise cifar10 human-worse .*--download$"):
            read_noisy_labels(*paths)


@pytest.mark.parametrize("name", ["cifar10", "emoji", "rte"])
def test_what_is_never_partial(name: str) -> None:
    with pytest.raises(SpecError, match=f"--partial – {name} is whole or it is not read – leave it out"):
        prepare(name, partial=True)


def test_weights(tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(
        SpecError, match=r"gpt2 – no weights that anything .*choose from: microsoft/deberta-base"
    ):
        weights("gpt2")
    with pytest.raises(DataError, match=r"mine/microsoft--deberta-base/model.safetensors – missing"):
        weights("microsoft/deberta-base", root=Path("mine"))


def test_pictures(pictures_root: Path, tiny: DatasetInfo, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("LETS_DATA", str(pictures_root))
    prepare("imagenette", download=True)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("data: data/processed/imagenette/index.csv.gz\n", "")
    index = read_index(LAYOUT.prepared("imagenette"))
    assert (len(index.train), index.missing) == (21, ())


def test_a_part_of_the_pictures_elsewhere(pictures_root: Path, capsys: Any) -> None:
    prepare("imagenette", root=pictures_root, partial=True)
    assert capsys.readouterr().err.splitlines() == [
        "note: a part of imagenette: 3 of 10 classes",
        "note: a part of imagenette: 21 of 9469 training pictures",
        "note: a part of imagenette: 9 of 3925 test pictures",
        f"note: trainings read the pictures where LETS_DATA says: set it to {pictures_root}",
    ]


def test_symmetric_noise(capsys: Any) -> None:
    prepare("digits")
    noise("digits", "symmetric-40-exclude-true")
    assert capsys.readouterr().out.endswith(
        "data: data/processed/digits/symmetric-40-exclude-true.safetensors (39.9 % of the labels changed)\n"
    )


def test_a_subset_and_its_noise(capsys: Any) -> None:
    prepare("digits")
    subset("digits", 500)
    noise("digits", "symmetric-40", train_samples=500)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "data: data/processed/digits/train-500/indices.safetensors",
        "data: data/processed/digits/train-500/symmetric-40.safetensors (37.4 % of the labels changed)",
    ]
    labels, card = read_noisy_labels(
        LAYOUT.labels("digits", "symmetric-40", 500), LAYOUT.noise_card("digits", "symmetric-40", 500)
    )
    assert (len(labels), card.samples, card.dataset, card.noise) == (500, 500, "digits", "symmetric-40")
    with pytest.raises(SpecError, match="rte – only images are trained on in part"):
        subset("rte", 100)
    with pytest.raises(DataError, match=r"lets data subset digits 400$"):
        noise("digits", "symmetric-40", train_samples=400)


def test_peoples_labels(monkeypatch: Any, capsys: Any) -> None:
    """On the digits, as if people had labelled them anew."""
    from dataclasses import replace

    archive = Archive("https://example.org/x", "digits_human.pt", 0, "", "")
    monkeypatch.setitem(DATASETS, "digits", replace(DATASETS["digits"], human_labels=True))
    monkeypatch.setitem(HUMAN_LABELS, "human-worse", HumanLabels("worse_label", 144 / 1437))
    monkeypatch.setattr(cifar, "_archive", lambda _: archive)
    prepare("digits")
    true = read_processed(LAYOUT.arrays("digits")).train.labels
    wrong = true.clone()
    wrong[:144] = (wrong[:144] + 1) % 10
    Path("mine").mkdir()
    torch.save({"clean_label": true.numpy(), "worse_label": wrong.numpy()}, "mine/digits_human.pt")
    noise("digits", "human-worse", root=Path("mine"))
    assert "human-worse.safetensors (10.0 % of the labels changed)" in capsys.readouterr().out
    labels, card = read_noisy_labels(
        LAYOUT.labels("digits", "human-worse"), LAYOUT.noise_card("digits", "human-worse")
    )
    assert labels.equal(wrong)
    subset("digits", 300)
    noise("digits", "human-worse", root=Path("mine"), train_samples=300)
    chosen = read_subset(LAYOUT.subset("digits", 300))  # an image keeps the label that it was given
    part, its_card = read_noisy_labels(
        LAYOUT.labels("digits", "human-worse", 300), LAYOUT.noise_card("digits", "human-worse", 300)
    )
    assert part.equal(wrong[chosen])
    assert its_card.realised_rate == int((chosen < 144).sum()) / 300
    assert card.seed is None
    assert card.file_sha256 == noisy_labels.sha256_file(Path("mine/digits_human.pt"))


@pytest.mark.parametrize(
    ("dataset", "name", "message"),
    [
        ("digits", "human-worse", "people labelled CIFAR-10 anew, not Digits"),
        ("imagenet", "symmetric-40", "ImageNet is trained on with its own labels"),
        ("cifar10", "human-worst", "want clean, .*human-worse"),
    ],
)
def test_noise_that_there_is_not(dataset: str, name: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        noise(dataset, name)
