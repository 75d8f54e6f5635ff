"""Files that a user names: refused before the work that they are to hold, and nothing that is no file is replaced."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lets import audit
from lets.cli.main import app
from lets.compare import trees
from lets.errors import StorageError
from lets.page import crate

VERBS = [("audit", "--receipt"), ("compare", "--csv"), ("export", "--to"), ("bench", "--out")]
IN_THE_WAY: dict[str, Callable[[Path], None]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link": lambda path: path.symlink_to("elsewhere"),
    "a link to a pipe": lambda path: (os.mkfifo(path.with_name("pipe")), path.symlink_to("pipe"))[1],
}


@pytest.fixture(autouse=True)
def no_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def work(*_: Any, **__: Any) -> None:
        raise AssertionError("it was too late")

    monkeypatch.setattr(audit, "perform", work)
    monkeypatch.setattr(trees, "compare", work)
    monkeypatch.setattr(crate, "write_crate", work)
    (tmp_path / "params").mkdir()
    (tmp_path / "params/demo.yaml").write_bytes((Path(__file__).parents[3] / "params/demo.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("what", IN_THE_WAY)
def test_what_is_no_file_is_not_replaced(verb: tuple[str, str], what: str, tmp_path: Path) -> None:
    IN_THE_WAY[what](path := tmp_path / "named")
    before = os.lstat(path)
    assert isinstance(CliRunner().invoke(app, [*verb, str(path)]).exception, StorageError)
    assert os.lstat(path) == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_that_cannot_be_is_noticed_at_once(verb: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file/named"
    assert isinstance(CliRunner().invoke(app, [*verb, str(path)]).exception, StorageError)


def test_an_audit_that_cannot_be_written_is_not_begun(tmp_path: Path) -> None:
    (tmp_path / "work").touch()
    assert isinstance(CliRunner().invoke(app, ["audit"]).exception, StorageError)
