import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from lets.data.noisy_labels import (
    NoiseCard,
    make_noisy_labels,
    read_noisy_labels,
    symmetric_noise,
    write_noisy_labels,
)
from lets.errors import ChecksumError, DataError

LABELS = torch.arange(1000) % 10


def artifact(folder: Path) -> tuple[torch.Tensor, NoiseCard, Path, Path]:
    noisy, card = make_noisy_labels(
        LABELS, dataset="digits", noise="symmetric-40", rate=0.4, exclude_true=False, classes=10, seed=5
    )
    paths = folder / "symmetric-40.safetensors", folder / "symmetric-40.json"
    write_noisy_labels(noisy, card, *paths)
    return noisy, card, *paths


def test_round_trip(tmp_path: Path) -> None:
    noisy, card, *paths = artifact(tmp_path)
    labels, read_card = read_noisy_labels(*paths)
    assert torch.equal(labels, noisy)
    assert torch.equal(labels, symmetric_noise(LABELS, 0.4, 10, 5))
    assert read_card == card


def test_the_card_tells_the_truth(tmp_path: Path) -> None:
    noisy, _, _, card_path = artifact(tmp_path)
    card = json.loads(card_path.read_text())
    flips = [0] * 10
    for true, label in zip(LABELS.tolist(), noisy.tolist(), strict=True):
        flips[true] += true != label
    assert card["flips_per_class"] == flips
    assert card["realised_rate"] == sum(flips) / 1000
    assert {
        key: card[key] for key in ("rate", "exclude_true", "seed", "classes", "samples", "dataset", "noise")
    } == {
        "rate": 0.4,
        "exclude_true": False,
        "seed": 5,
        "classes": 10,
        "samples": 1000,
        "dataset": "digits",
        "noise": "symmetric-40",
    }


def test_the_artifact_is_byte_stable(tmp_path: Path) -> None:
    _, _, *first = artifact(tmp_path / "a")
    _, _, *second = artifact(tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_changed_labels_are_noticed(tmp_path: Path) -> None:
    noisy, card, labels_path, card_path = artifact(tmp_path)
    noisy[17] = (noisy[17] + 1) % 10
    safetensors.torch.save_file({"labels": noisy}, labels_path)
    with pytest.raises(
        ChecksumError,
        match=f"symmetric-40.safetensors – sha256 .* the card says {card.sha256} – "
        r"delete both and run  lets data noise \S+ symmetric-40$",
    ):
        read_noisy_labels(labels_path, card_path)


def test_missing_artifact(tmp_path: Path) -> None:
    _, _, labels_path, card_path = artifact(tmp_path)
    card_path.unlink()
    with pytest.raises(
        DataError, match=r"symmetric-40\.json – missing – run  lets data noise \S+ symmetric-40$"
    ):
        read_noisy_labels(labels_path, card_path)
