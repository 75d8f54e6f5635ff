"""The files of pretrained weights: of which commit, and where below the data root. Imports no torch."""

from pathlib import Path

from lets.errors import DataError

__all__ = ["PICKLE", "REVISIONS", "TOKENIZER", "WEIGHTS", "pretrained_folder", "whole_folder"]

REVISIONS = {"microsoft/deberta-base": "0d1b43ccf21b5acd9f4e5f7b077fa698f05cf195"}
"""repository → the commit that is fetched"""

WEIGHTS, PICKLE = "model.safetensors", "pytorch_model.bin"
"""what is trained from, and what it is made of if that is all there is"""

TOKENIZER = ("vocab.json", "merges.txt")


def pretrained_folder(repository: str, root: Path) -> Path:
    """Where the files of a repository lie below the data root."""
    return root / repository.replace("/", "--")


def whole_folder(repository: str, root: Path) -> Path:
    """The folder of a repository that can be trained from; DataError says how to get what is missing."""
    folder = pretrained_folder(repository, root)
    for name in (WEIGHTS, *TOKENIZER):
        if not (folder / name).is_file():
            raise DataError(
                f"{folder / name} – missing, so nothing can start from {repository} – run  lets data weights "
                f"{repository} --download;  where there is no network, bring {', '.join((PICKLE, *TOKENIZER))} "
                f"of its commit {REVISIONS[repository]} to {folder} and run  lets data weights {repository}"
            )
    return folder
