"""A checkout with the line ends of Windows is told from damage, and the command that is printed undoes it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = ("csv", "json", "md", "tex", "svg", "html", "yaml")


def git(*words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.safecrlf=false"]
    return subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True).stdout


def contents() -> dict[Path, bytes]:
    trees = (Path("params"), Path("results"), Path("reports"))
    return {path: path.read_bytes() for tree in trees for path in tree.rglob("*") if path.is_file()}


def test_a_windows_checkout_is_no_damage_and_is_undone(project: Any) -> None:
    """As git leaves it when it learns of .gitattributes after it has written the files."""
    before = contents()
    git("init", "--quiet")
    git("add", "params", "results", "reports")
    git("commit", "--quiet", "--message", "all of it")
    git("config", "core.autocrlf", "true")
    for path in before:
        path.unlink()
    git("checkout", "--quiet", "--", ".")
    shutil.copy(ROOT / ".gitattributes", ".")
    changed = [path for path, content in contents().items() if content != before[path]]
    assert {path.suffix[1:] for path in changed} == set(TEXTS)
    audit = project.audit()
    assert (audit.failures, audit.next) == ((), "nothing to do")
    (warning,) = audit.warnings
    assert "rm " not in warning
    git("add", ".gitattributes")
    git("commit", "--quiet", "--message", "line ends", ".gitattributes")
    command = re.search(r"to have them back:  (.*)$", warning)
    assert command
    subprocess.run(["bash", "-c", command[1]], check=True)
    assert contents() == before
    assert project.audit().warnings == ()
    assert git("status", "--short", "--untracked-files=no") == ""


@pytest.mark.parametrize("name", ["history.csv", "metrics.json"])
def test_another_change_is_found_all_the_same(project: Any, name: str) -> None:
    path: Path = project.path(project.run("sam"), name)
    path.write_bytes(path.read_bytes().replace(b"8", b"9", 1).replace(b"\n", b"\r\n"))
    assert "sha256 differs" in str(project.audit().failures)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git repository")
def test_every_text_in_git_says_so() -> None:
    """What `git clone -c core.autocrlf=true` gives: scripts run, records are known by their bytes."""
    listed = subprocess.run(
        ["git", "ls-files", "--eol"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    rows = [line.split(None, 2) for line in listed]
    wrong = [rest for index, _, rest in rows if index == "i/lf" and "eol=lf" not in rest]
    assert wrong == []
    assert [rest.split()[-1] for index, _, rest in rows if index in ("i/crlf", "i/mixed")] == [
        "params/published.csv"
    ]
