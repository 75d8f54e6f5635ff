from collections.abc import Callable
from pathlib import Path

import pytest

from lets.config.paths import RUN_FILES, Layout
from lets.files import sha256_file


@pytest.fixture
def elsewhere(layout: Layout, tmp_path: Path) -> Layout:
    """Another project folder with the data of `layout`."""
    other = Layout("test", tmp_path / "other")
    other.root.mkdir()
    (other.root / "data").symlink_to(layout.root / "data")
    return other


@pytest.fixture
def digests() -> Callable[[Layout, str], dict[str, str]]:
    """What a run has written, but for when and where: digests(layout, run)."""

    def digests(layout: Layout, run: str) -> dict[str, str]:
        names = [name for name in RUN_FILES if name != "provenance.json"]
        return {name: sha256_file(layout.run_file(run, name)) for name in names}

    return digests
