"""Pretrained weights: what is read, and what is never done. The hub is a folder here."""

import json
import os
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from lets.data import texts
from lets.data.pretrained import fetch_pretrained, read_pretrained
from lets.data.sources import REVISIONS, pretrained_folder
from lets.data.texts import train_tokenizer
from lets.errors import ChecksumError, DataError

REPOSITORY = "microsoft/deberta-base"
STATE = {
    "deberta.embeddings.word_embeddings.weight": torch.arange(6.0).view(3, 2),
    "deberta.encoder.rel_embeddings.weight": torch.ones(4, 2, dtype=torch.float16),
    "deberta.embeddings.position_embeddings.weight": torch.zeros(5, 2),  # of the decoder of the pretraining
    "lm_predictions.lm_head.bias": torch.zeros(3),
}
KEPT = list(STATE)[:2]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the hub holds, and a record of what it is asked for."""
    folder = tmp_path / "hub"
    folder.mkdir()
    torch.save(STATE, folder / "pytorch_model.bin")
    model = json.loads(train_tokenizer([("a b a b",)]))["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("".join(" ".join(merge) + "\n" for merge in model["merges"]))
    monkeypatch.setattr(texts, "PRETRAINED_VOCABULARY", len(model["vocab"]))

    def download(repository: str, name: str, *, revision: str, local_dir: str) -> str:
        assert (repository, revision) == (REPOSITORY, "0d1b43ccf21b5acd9f4e5f7b077fa698f05cf195")
        with (folder / "asked").open("a") as asked:
            asked.write(f"{name} ")
        return str(shutil.copy(folder / name, local_dir))

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return folder


def test_fetched_once_and_kept_as_safetensors(hub: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    found = fetch_pretrained(REPOSITORY, root, download=True)
    assert list(found.weights) == KEPT
    assert all(weight.dtype == torch.float32 for weight in found.weights.values())
    assert all(torch.equal(found.weights[name], STATE[name].float()) for name in KEPT)
    folder = root / "microsoft--deberta-base"
    assert set(load_file(folder / "model.safetensors")) == set(KEPT)
    again = fetch_pretrained(REPOSITORY, root, download=True)
    assert again.sha256 == found.sha256 == read_pretrained(REPOSITORY, root).sha256
    assert again.tokenizer == found.tokenizer
    assert (hub / "asked").read_text() == "pytorch_model.bin vocab.json merges.txt "


def test_files_brought_by_hand_need_no_network(hub: Path, tmp_path: Path) -> None:
    folder = pretrained_folder(REPOSITORY, tmp_path / "root")
    shutil.copytree(hub, folder)
    found = fetch_pretrained(REPOSITORY, tmp_path / "root")
    assert list(found.weights) == KEPT
    assert not (hub / "asked").exists()


@pytest.mark.parametrize("prefix", ["deberta.", ""])
def test_a_file_that_transformers_wrote(prefix: str, hub: Path, tmp_path: Path) -> None:
    """The whole model with its head, or the encoder alone, whose names have no prefix."""
    folder = pretrained_folder(REPOSITORY, tmp_path)
    folder.mkdir()
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(hub / name, folder)
    whole = dict(STATE) if prefix else {name.removeprefix("deberta."): STATE[name] for name in KEPT}
    save_file(whole, folder / "model.safetensors")
    assert list(read_pretrained(REPOSITORY, tmp_path).weights) == KEPT


def test_the_digest_is_that_of_the_weights(hub: Path, tmp_path: Path) -> None:
    digests = []
    for number, change in enumerate((0.0, 1.0)):
        root = tmp_path / str(number)
        torch.save(
            {**STATE, "lm_predictions.lm_head.bias": torch.full((3,), change)}, hub / "pytorch_model.bin"
        )
        digests.append(fetch_pretrained(REPOSITORY, root, download=True).sha256)
    assert digests[0] == digests[1]
    STATE_CHANGED = {**STATE, KEPT[0]: STATE[KEPT[0]] + 1}
    torch.save(STATE_CHANGED, hub / "pytorch_model.bin")
    assert fetch_pretrained(REPOSITORY, tmp_path / "2", download=True).sha256 != digests[0]


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("content", [{"deberta.a": Payload()}, {}, torch.zeros(2), b"no pickle"])
def test_a_pickle_runs_no_code_and_must_hold_weights(
    content: object, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = hub / "pytorch_model.bin"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(ChecksumError, match=r"pytorch_model.bin – no file of weights alone .*delete it"):
        fetch_pretrained(REPOSITORY, tmp_path / "root", download=True)
    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "root" / "microsoft--deberta-base" / "model.safetensors").exists()


def test_reading_opens_no_pickle(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(hub, pretrained_folder(REPOSITORY, tmp_path / "root"))
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(DataError, match=r"model.safetensors – missing"):
        read_pretrained(REPOSITORY, tmp_path / "root")


def test_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=rf"model.safetensors – missing, .* lets data weights {REPOSITORY} --download;.*no network, bring "
        rf"pytorch_model.bin, vocab.json, merges.txt of its commit {REVISIONS[REPOSITORY]} to .*--deberta-base",
    ):
        fetch_pretrained(REPOSITORY, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt"])
def test_weights_alone_are_not_enough(name: str, hub: Path, tmp_path: Path) -> None:
    fetch_pretrained(REPOSITORY, tmp_path, download=True)
    (pretrained_folder(REPOSITORY, tmp_path) / name).unlink()
    with pytest.raises(DataError, match=rf"{name} – missing, .* lets data weights {REPOSITORY} --download"):
        read_pretrained(REPOSITORY, tmp_path)


def test_a_damaged_file_is_named(hub: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    fetch_pretrained(REPOSITORY, root, download=True)
    path = pretrained_folder(REPOSITORY, root) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ChecksumError, match=r"model.safetensors – no safetensors file"):
        read_pretrained(REPOSITORY, root)


def test_no_network(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(DataError, match=r"pytorch_model.bin – cannot be fetched \(no connection\) – check"):
        fetch_pretrained(REPOSITORY, tmp_path / "root", download=True)
    assert list(pretrained_folder(REPOSITORY, tmp_path / "root").iterdir()) == []


def test_unknown_repositories_have_no_revision() -> None:
    assert list(REVISIONS) == [REPOSITORY]
    assert all(len(revision) == 40 for revision in REVISIONS.values())
