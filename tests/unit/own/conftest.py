"""A project folder with modules of the user's own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lets import own
from lets.data.catalogue import DATASETS
from lets.models.catalogue import ARCHITECTURES

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a file of the project folder, which is the current one, as a process that starts now would find it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for catalogue in (DATASETS, ARCHITECTURES):
        for name in [*catalogue]:
            monkeypatch.setitem(catalogue, name, catalogue[name])
    known = {*DATASETS, *ARCHITECTURES}

    def forget() -> None:
        own.digest.cache_clear()
        for name, module in [*sys.modules.items()]:
            if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
                del sys.modules[name]
        for catalogue in (DATASETS, ARCHITECTURES):
            for name in {*catalogue} - known:
                del catalogue[name]

    def written(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        forget()

    yield written
    forget()
