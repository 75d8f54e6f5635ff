"""Where modules of the user's own are looked for, what they consist of, and what is refused."""

import re
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from lets import own
from lets.errors import SpecError

NETWORK = "def network(classes, image):\n    return classes, image\n"


def test_files_are_what_a_module_imports_of_the_project_and_nothing_else(write) -> None:
    write("nets/__init__.py", "from . import blocks\n")
    write("nets/blocks.py", "from ..layers import Layer\nimport json, torch\n")
    write("layers.py", "Layer = 1\n")
    write("mine.py", f"import nets.heads\n{NETWORK}")
    write("nets/heads.py", "def f():\n    from layers import Layer\n")
    write("other.py", "")
    names = ["layers.py", "mine.py", "nets/__init__.py", "nets/blocks.py", "nets/heads.py"]
    assert [*map(str, own.files("mine:network"))] == names


def test_the_digest_is_of_names_and_bytes(write) -> None:
    write("mine.py", NETWORK)
    line = f"mine.py {sha256(NETWORK.encode()).hexdigest()}\n"
    assert own.digest("mine:network") == sha256(line.encode()).hexdigest()


def test_the_digest_changes_with_what_is_imported(write) -> None:
    write("layers.py", "width = 1\n")
    write("mine.py", f"from layers import width\n{NETWORK}")
    before = own.digest("mine:network")
    write("other.py", "")
    assert own.digest("mine:network") == before
    write("layers.py", "width = 2\n")
    assert own.digest("mine:network") != before


def test_a_process_records_what_it_imported(write, tmp_path: Path) -> None:
    write("mine.py", NETWORK)
    own.enter("mine:network")
    before = own.digest("mine:network")
    (tmp_path / "mine.py").write_text("# edited while it trains\n")
    assert own.digest("mine:network") == before


def test_a_function_is_found_in_a_folder_too(write) -> None:
    write("nets/small.py", NETWORK)
    assert own.function("nets.small:network")(2, (1, 8, 8)) == (2, (1, 8, 8))
    assert own.files("nets.small:network") == [Path("nets/small.py")]


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        (NETWORK, "mine:", "no module:function"),
        (NETWORK, "../mine:network", "no module:function"),
        (NETWORK, "yours:network", "no yours.py"),
        (NETWORK, "mine:net", "write  mine:network"),
        ("net = 1\n", "mine:net", "write there  def net"),
        ("def net(:\n", "mine:net", "mine.py:1"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_imported(write, text, name, reason) -> None:
    write("mine.py", text)
    with pytest.raises(SpecError, match=re.escape(reason)):
        own.check(name)
    assert "mine" not in sys.modules


def test_a_module_that_cannot_be_imported_is_refused_with_its_line(write) -> None:
    write("mine.py", f"import json\nimport no_such_package\n{NETWORK}")
    with pytest.raises(SpecError, match=r"no_such_package.*mine\.py:2"):
        own.function("mine:network")


def test_a_name_that_is_taken_is_refused(write) -> None:
    write("colorsys.py", NETWORK)
    with pytest.raises(SpecError, match="rename"):
        own.function("colorsys:network")
