"""`lets status --watch`: what it shows while others train, in a terminal and elsewhere, and when it ends."""

import re
import shutil
import sys
from collections.abc import Callable

import pytest
from tests.golden.factory import Project

from lets.cli import watch
from lets.files import write_text


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """Replace the pauses by what is in this list, one by one."""
    events: list[Callable[[], object]] = []
    monkeypatch.setattr("lets.cli.watch.time.sleep", lambda seconds: events.pop(0)())
    return events


def begin(project: Project) -> None:
    run = project.run(seed=1).id
    write_text(project.layout.state(run), "")
    write_text(project.layout.log("train", run), "epoch 3/30  loss 0.1234  test 87.50 %  radius 0.0500001\n")


def test_a_line_for_every_change_until_all_is_done(project, pauses, capsys) -> None:
    def end() -> None:
        project.layout.state(project.run(seed=1).id).unlink()
        project.finish(project.run(seed=1), 90.0, 91.0)

    pauses += [lambda: None, lambda: begin(project), lambda: None, end]
    watch.follow(project.now)
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(", about [^,]*", "", line) for line in lines] == [
        "golden: 1/2 runs",
        "golden: 1/2 runs, 1 begun",
        "golden: 2/2 runs",
    ]
    assert pauses == []


def test_a_terminal_shows_what_runs_and_what_ended(project, pauses, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: shutil.os.terminal_size((50, 24)))

    def leave() -> None:
        raise KeyboardInterrupt

    pauses += [lambda: begin(project), leave]
    with pytest.raises(KeyboardInterrupt):
        watch.follow(project.now)
    first, second = capsys.readouterr().out.split("\x1b[3A\x1b[J")  # three lines are written over
    assert first.splitlines()[1:] == ["ended:", f"  95.50 %{'':<27}digits/clean/r"]
    assert second.splitlines()[1:3] == ["begun:", f"  epoch 3/30  test 87.50 %{'':<10}digits/clean/r"]
