"""Packages that only language needs, imported where they are used. Imports no torch."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from lets.data.catalogue import describe
from lets.data.sources import source
from lets.errors import SpecError

__all__ = ["language", "missing_packages"]

OF_TEXTS = ("sacrebleu", "tokenizers", "transformers")


def language(package: str) -> Any:
    """Import `tokenizers`, `sacrebleu` or `transformers`; SpecError says how to install what is missing."""
    try:
        return import_module(package)
    except ImportError as error:
        raise SpecError(
            f"language – the package {package} cannot be imported ({error}) – run  "
            "pip install 'lets-repro[language]'"
        ) from error


def missing_packages(dataset: str) -> list[str]:
    """The packages that training on a data set needs and that are not installed, without importing any.

    Texts need three, and the one that they come with; images need none of these.
    """
    origin = source(dataset)
    package = origin.folder.split("/")[:1] if origin.package else []
    needed = [*(OF_TEXTS if describe(dataset).vocabulary else ()), *package]
    return [name for name in needed if find_spec(name) is None]
