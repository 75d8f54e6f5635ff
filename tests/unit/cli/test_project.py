"""Where a command works: in the root of the project around the user, or nowhere."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from lets.cli import options
from lets.cli.app import app
from lets.errors import SpecError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a folder docs/methods, and no data."""
    for folder in ("params", "docs/methods"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "Snakefile").touch()
    monkeypatch.setattr(options, "_typed_in", None)
    monkeypatch.delenv("LETS_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("folder", ["", "docs", "docs/methods", "params"])
def test_the_root_is_found_upwards_and_paths_count_from_the_user(root, folder, monkeypatch):
    monkeypatch.chdir(root / folder)
    monkeypatch.setenv("LETS_DATA", "raw")
    up = os.path.relpath(root, root / folder)
    options.enter()
    assert Path.cwd() == root
    assert options.as_typed(Path(up, "params/x.yaml")) == Path("params/x.yaml")
    assert options.as_typed(Path("here.md")) == Path(folder, "here.md")
    assert options.as_typed(Path("/elsewhere/x")) == Path("/elsewhere/x")
    assert options.as_typed(Path(up, "../x.md")).resolve() == root.parent / "x.md"
    assert Path(os.environ["LETS_DATA"]) == Path(folder, "raw")
    options.refuse_outside()
    options.leave()
    assert Path.cwd() == root / folder


@pytest.mark.parametrize("there", [[], ["params"], ["Snakefile"]])
def test_a_folder_that_is_no_project_is_refused(root, there, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other folder")
    for name in there:
        (other / name).mkdir()
    monkeypatch.chdir(other)
    options.enter()
    assert Path.cwd() == other
    with pytest.raises(
        SpecError, match=f"{other} – is no project, .*nothing was written – run  cd {ROOT}  and"
    ):
        options.refuse_outside()
    params = root / "params" / "x.yaml"
    params.touch()
    with pytest.raises(SpecError, match=f"run  cd {root}  and the same command again"):
        options.refuse_outside(params)
    (other / "mine.yaml").touch()
    options.refuse_outside(Path("mine.yaml"))


def test_a_folder_that_is_gone_is_refused(root, monkeypatch):
    gone = root / "docs" / "methods"
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SpecError, match="the current folder – is not there any more"):
        options.enter()
    monkeypatch.chdir(root)


@pytest.mark.parametrize(
    "verb", [["status"], ["data", "prepare", "digits"], ["list", "architectures", "--write-costs"]]
)
def test_verbs_ask_for_a_project_before_they_write(verb, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "lets", *verb], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {tmp_path} – is no project")
    assert list(tmp_path.iterdir()) == []


def commands(group: object, name: str = "lets") -> Iterator[tuple[str, object]]:
    for word, command in group.commands.items():
        yield from (
            commands(command, f"{name} {word}")
            if hasattr(command, "commands")
            else [(f"{name} {word}", command)]
        )


def test_every_verb_but_lets_list_works_in_a_project():
    found = dict(commands(typer.main.get_command(app)))
    assert {name for name, command in found.items() if not isinstance(command, options.InProject)} == {
        "lets list"
    }
    assert len(found) > 15
