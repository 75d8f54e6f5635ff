"""Which matplotlib drew a picture: by what the picture says of itself, and as far as that can be believed."""

import re
from importlib.metadata import version
from pathlib import Path

from lets.config.paths import Layout

LOCK = Path("requirements.lock")


def drawn_by(svg: bytes) -> str:
    """Return the version of matplotlib that says it drew an svg; nothing if none does."""
    found = re.search(rb"Matplotlib v([\w.+-]+)", svg)
    return found[1].decode() if found else ""


def matplotlib_here() -> str:
    """Return the version of matplotlib that is installed."""
    return version("matplotlib")


def drawn_elsewhere(layout: Layout, name: str) -> str:
    """Return the matplotlib that drew a figure if it is another one than that here, which may draw otherwise.

    A word in a file is easily written: where the locked matplotlib is installed, every picture must be its own.
    """
    svg, here = layout.figure(name, "svg"), matplotlib_here()
    if not svg.is_file() or _locked(layout, here):
        return ""
    said = drawn_by(svg.read_bytes())
    return said if said != here else ""


def _locked(layout: Layout, here: str) -> bool:
    lock = layout.root / LOCK
    return lock.is_file() and f"matplotlib=={here}" in re.split(r"[\s;]+", lock.read_text())
