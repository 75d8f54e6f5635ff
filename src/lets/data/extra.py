"""Packages that only language needs, imported where they are used."""

from importlib import import_module
from typing import Any

from lets.errors import SpecError

__all__ = ["language"]


def language(package: str) -> Any:
    """Import `tokenizers`, `sacrebleu` or `transformers`; SpecError says how to install what is missing."""
    try:
        return import_module(package)
    except ImportError as error:
        raise SpecError(
            f"language – the package {package} cannot be imported ({error}) – run  "
            "pip install 'lets-repro[language]'"
        ) from error
