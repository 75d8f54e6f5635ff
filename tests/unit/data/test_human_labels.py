"""People's labels (CIFAR-10N), from files of the released one's structure."""

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lets.data
from lets.data import cifar as module
from lets.data.catalogue import HUMAN_LABELS, HumanLabels
from lets.data.cifar import human_labels_file, read_human_labels
from lets.data.noisy_labels import (
    card_of,
    make_human_labels,
    read_noisy_labels,
    write_noisy_labels,
)
from lets.data.sources import source
from lets.errors import ChecksumError, DataError

LABELS = torch.arange(20_000) % 10


def wrong(count: int, by: int = 1) -> np.ndarray:
    """The true labels with `count` of them, all over the set, moved on by some classes."""
    labels = LABELS.numpy().copy()
    struck = np.random.default_rng(count).permutation(len(labels))[:count]
    labels[struck] = (labels[struck] + by) % 10
    return labels


def contents() -> dict[str, np.ndarray]:
    """Labels as wrong as published: 20,000 of them hold every rate exactly."""
    labels = {kind.key: wrong(round(20_000 * kind.rate)) for kind in HUMAN_LABELS.values()}
    return {"clean_label": LABELS.numpy(), **labels}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(contents(), tmp_path / "CIFAR-10_human.pt")
    return tmp_path / "CIFAR-10_human.pt"


def test_names_keys_and_rates_are_the_authors() -> None:
    # Wei et al. 2022, and the keys of the released file
    assert {name: (kind.key, kind.rate) for name, kind in HUMAN_LABELS.items()} == {
        "human-aggre": ("aggre_label", 0.0903),
        "human-random1": ("random_label1", 0.1723),
        "human-random2": ("random_label2", 0.1812),
        "human-random3": ("random_label3", 0.1764),
        "human-worse": ("worse_label", 0.4021),
    }


@pytest.mark.parametrize("noise", HUMAN_LABELS)
def test_each_kind_is_read_from_its_key(file: Path, noise: str) -> None:
    kind = HUMAN_LABELS[noise]
    labels = read_human_labels(file, "cifar10", noise, LABELS)
    assert labels.dtype == torch.int64
    assert np.array_equal(labels.numpy(), contents()[kind.key])


def test_the_released_file_of_majorities_has_a_little_less_noise_than_printed(tmp_path: Path) -> None:
    # 4,505 of CIFAR-10's 50,000: 9.01 %, where the paper prints 9.03
    torch.save(contents() | {"aggre_label": wrong(1802)}, tmp_path / "x.pt")
    read_human_labels(tmp_path / "x.pt", "cifar10", "human-aggre", LABELS)


def test_numpy_1_wrote_the_released_file(tmp_path: Path, file: Path) -> None:
    renamed = tmp_path / "numpy1.pt"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(renamed, "w") as new:
        for name in old.namelist():
            content = old.read(name).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
            new.writestr(name.replace("CIFAR-10_human/", "numpy1/"), content)
    assert b"cnumpy.core.multiarray" in zipfile.ZipFile(renamed).read("numpy1/data.pkl")
    assert read_human_labels(renamed, "cifar10", "human-worse", LABELS).equal(
        read_human_labels(file, "cifar10", "human-worse", LABELS)
    )


@pytest.mark.parametrize("off", [2, -2])
def test_another_share_of_wrong_labels_is_refused(tmp_path: Path, off: int) -> None:
    count = round(20_000 * 0.4021)
    torch.save(contents() | {"worse_label": wrong(count + off)}, tmp_path / "x.pt")  # 0.01 percent points
    found = 100 * (count + off) / 20_000
    with pytest.raises(
        ChecksumError,
        match=rf"x\.pt – {found:.3f} % of the labels human-worse are wrong, published are 40\.21 % – delete it",
    ):
        read_human_labels(tmp_path / "x.pt", "cifar10", "human-worse", LABELS)
    torch.save(contents() | {"worse_label": wrong(count + off // 2)}, tmp_path / "x.pt")  # rounds to it
    read_human_labels(tmp_path / "x.pt", "cifar10", "human-worse", LABELS)


def test_another_order_is_refused(file: Path) -> None:
    swapped = LABELS.clone()
    swapped[[3, 4]] = swapped[[4, 3]]
    with pytest.raises(
        ChecksumError, match="clean_label are not the training labels in their order – delete it"
    ):
        read_human_labels(file, "cifar10", "human-worse", swapped)
    with pytest.raises(ChecksumError, match="clean_label are not the training labels"):
        read_human_labels(file, "cifar10", "human-worse", LABELS[:-1])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"worse_label": None}, "holds no labels worse_label"),
        ({"worse_label": LABELS.float().numpy()}, "not a file of arrays"),
        ({"worse_label": LABELS.view(10, -1).numpy()}, "holds no labels worse_label"),
        ({"worse_label": wrong(5)[:-1]}, "worse_label are not one known class for each image"),
        ({"worse_label": LABELS.numpy() + 1}, "worse_label are not one known class for each image"),
        ({"worse_label": LABELS.numpy() - 1}, "worse_label are not one known class for each image"),
        ({"clean_label": None}, "holds no labels clean_label"),
    ],
)
def test_foreign_contents_are_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    torch.save(contents() | change, tmp_path / "x.pt")
    with pytest.raises(ChecksumError, match=f"x.pt – .*{reason}.* – delete it and run  lets data noise"):
        read_human_labels(tmp_path / "x.pt", "cifar10", "human-worse", LABELS)


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_file_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(contents() | {"worse_label": Payload()}, "x.pt")
    Path("y.pt").write_bytes(pickle.dumps(Payload()))
    Path("z.pt").write_bytes(b"no archive at all")
    Path("empty.pt").write_bytes(b"")
    for name in ("x.pt", "y.pt", "z.pt", "empty.pt"):
        with pytest.raises(ChecksumError, match=f"{name} – not a file of arrays"):
            read_human_labels(Path(name), "cifar10", "human-worse", LABELS)
    assert not Path("pwned").exists()


def test_a_list_is_no_file_of_labels(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "x.pt")
    with pytest.raises(ChecksumError, match="holds no labels clean_label"):
        read_human_labels(tmp_path / "x.pt", "cifar10", "human-worse", LABELS)


def test_a_missing_file_says_where_to_get_it_and_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETS_DATA", str(tmp_path))
    path = human_labels_file("cifar10")
    assert path == tmp_path / "CIFAR-10_human.pt"
    with pytest.raises(
        DataError,
        match=rf"^{path} – missing.*noise cifar10 human-worse --download  or put it there, from https://",
    ):
        read_human_labels(path, "cifar10", "human-worse", LABELS)


def test_download_fetches_a_missing_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[object] = []
    monkeypatch.setattr(module, "fetch", lambda archive, path: (fetched.append(archive), path.touch()))
    for _ in range(2):
        human_labels_file("cifar10", tmp_path, download=True)
    assert fetched == [source("cifar10").human_labels]


def test_the_card_tells_the_truth(file: Path, tmp_path: Path) -> None:
    labels, card = make_human_labels(LABELS, dataset="cifar10", noise="human-worse", classes=10, path=file)
    paths = tmp_path / "human-worse.safetensors", tmp_path / "human-worse.json"
    write_noisy_labels(labels, card, *paths)
    entries = json.loads(paths[1].read_text())
    flips = [0] * 10
    for true, label in zip(LABELS.tolist(), labels.tolist(), strict=True):
        flips[true] += true != label
    assert sum(flips) == 8042
    assert entries == {
        "dataset": "cifar10",
        "noise": "human-worse",
        "rate": 0.4021,
        "exclude_true": False,
        "classes": 10,
        "samples": 20_000,
        "realised_rate": 0.4021,
        "flips_per_class": flips,
        "sha256": card.sha256,
        "file_sha256": card.file_sha256,
    }
    again, card_again = read_noisy_labels(*paths)
    assert again.equal(labels)
    assert card_again == card == card_of(LABELS, labels, card)
    with pytest.raises(ValueError, match=r"labels human-worse are wrong, published are 40\.21 %"):
        card_of(LABELS, LABELS, card)


@pytest.mark.slow
def test_on_the_real_cifar10(cifar10_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = lets.data.load("cifar10", root=cifar10_root).train.labels
    noisy = labels.numpy().copy()
    noisy[:20_105] = (noisy[:20_105] + 3) % 10
    buffer = io.BytesIO()
    torch.save({"clean_label": labels.numpy(), "worse_label": noisy}, buffer)
    (tmp_path / "x.pt").write_bytes(buffer.getvalue())
    read = read_human_labels(tmp_path / "x.pt", "cifar10", "human-worse", labels)
    assert int((read != labels).sum()) == 20_105  # 40.21 % of 50,000
    monkeypatch.setitem(HUMAN_LABELS, "human-worse", HumanLabels("worse_label", 0.4022))
    with pytest.raises(ChecksumError, match=r"40\.210 % .* published are 40\.22 %"):
        read_human_labels(tmp_path / "x.pt", "cifar10", "human-worse", labels)
