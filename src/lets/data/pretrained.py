"""Pretrained weights and their tokenizer: a folder below the data root, fetched by pinned revision.

What is trained from is safetensors, never a pickle. The only file that Microsoft published of these weights is
a pickle, so fetching them unpacks it once, with torch's reader for data alone, and keeps the result.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from lets.data.dataset import arrays_sha256
from lets.data.sources import PICKLE, REVISIONS, TOKENIZER, WEIGHTS, language, pretrained_folder, whole_folder
from lets.data.texts import pretrained_tokenizer
from lets.errors import ChecksumError, DataError
from lets.files import storage_errors, write_bytes

__all__ = ["Pretrained", "fetch_pretrained", "read_pretrained"]

PREFIX = "deberta."
POSITIONS = (f"{PREFIX}embeddings.position_embeddings.weight", f"{PREFIX}embeddings.position_ids")
"""absolute positions, which only the decoder of the pretraining adds, and a buffer: 0, 1, 2, …"""


@dataclass(frozen=True)
class Pretrained:
    """`weights` by the names that transformers gives them, the encoder's alone; the `tokenizer` as json."""

    weights: Mapping[str, Tensor]
    tokenizer: str

    @property
    def sha256(self) -> str:
        """The digest of the weights, whatever else the file held."""
        return arrays_sha256(self.weights)


def read_pretrained(repository: str, root: Path) -> Pretrained:
    """Read weights and tokenizer; DataError says how to get what is missing, ChecksumError what is damaged."""
    folder = whole_folder(repository, root)
    path = folder / WEIGHTS
    try:
        weights = _encoder(safetensors.torch.load_file(path))
    except Exception as error:  # whatever is made of another file
        raise ChecksumError(
            f"{path} – no safetensors file ({error}) – delete it and run  lets data weights {repository} --download"
        ) from error
    return Pretrained(weights, pretrained_tokenizer(folder))


def fetch_pretrained(repository: str, root: Path, download: bool = False) -> Pretrained:
    """Make the folder of a repository whole and read it.

    Without model.safetensors it is made from pytorch_model.bin. `download` first fetches what is missing.
    """
    folder = pretrained_folder(repository, root)
    if download:
        source = () if (folder / WEIGHTS).is_file() else (PICKLE,)
        for name in (*source, *TOKENIZER):
            if not (folder / name).is_file():
                _fetch(repository, name, folder)
    if not (folder / WEIGHTS).is_file() and (folder / PICKLE).is_file():
        _convert(repository, folder)
    return read_pretrained(repository, root)


def _fetch(repository: str, name: str, folder: Path) -> None:
    hub = language("huggingface_hub")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        try:
            path = hub.hf_hub_download(repository, name, revision=REVISIONS[repository], local_dir=beside)
        except (OSError, ValueError) as error:  # every error of the hub is one of them
            raise DataError(
                f"{repository}, {name} – cannot be fetched ({error}) – check the network and run the same "
                f"command again, or bring the file to {folder} by hand"
            ) from error
        shutil.move(path, folder / name)


def _convert(repository: str, folder: Path) -> None:
    path = folder / PICKLE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        weights = _encoder(state if isinstance(state, dict) else {})
    except Exception as error:
        # Not torch's own words: they advise to read it with weights_only=False.
        raise ChecksumError(
            f"{path} – no file of weights alone ({type(error).__name__}) – delete it and run  lets data weights "
            f"{repository} --download"
        ) from error
    write_bytes(folder / WEIGHTS, safetensors.torch.save(weights, {"format": "pt"}))


def _encoder(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the encoder; of a file that holds nothing else their names have no prefix."""
    inside = {name: weight for name, weight in state.items() if name.startswith(PREFIX)}
    named = inside or {f"{PREFIX}{name}": weight for name, weight in state.items()}
    weights = {name: weight.float().contiguous() for name, weight in named.items() if name not in POSITIONS}
    if not weights:
        raise ValueError("it holds no weights")
    return weights
