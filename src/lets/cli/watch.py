"""`lets status --watch`: what is running and what ended last, looked at again and again."""

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lets.cli import interruption
from lets.cli.status import states_of, summary

if TYPE_CHECKING:
    from lets.cli.curves import Curves
    from lets.project import Project
    from lets.runs.outcomes import Outcome

__all__ = ["follow"]

EVERY_S = 2.0
SHOWN = 5
"""runs under each heading"""


def follow(project: "Project", curves: "Curves | None" = None) -> None:
    """Print what becomes of the runs of a project until all of them have ended, and keep their `curves` up to date."""
    terminal = sys.stdout.isatty()
    before: list[str] = []
    while True:
        project = _anew(project)
        states = states_of(project)
        if curves:
            curves.update(project)
        now = [summary(project, states)]
        interruption.at(now[0])
        lines = [*now, *_view(project, states)] if terminal else now
        if lines != before:
            print(_over(before, lines) if terminal else "\n".join(lines), flush=True)
        before = lines
        if not {*states.values()} - {"finished", "diverged"}:
            return
        time.sleep(EVERY_S)


def _anew(project: "Project") -> "Project":
    """Return the same project with nothing read of its runs."""
    return type(project)(project.params, project.matrix, project.layout, project.file)


def _over(before: list[str], lines: list[str]) -> str:
    """Return lines no longer than the terminal is wide, to be printed in place of those `before`."""
    width = shutil.get_terminal_size().columns
    return f"\x1b[{len(before)}A\x1b[J" * bool(before) + "\n".join(line[:width] for line in lines)


def _view(project: "Project", states: dict[str, str]) -> Iterator[str]:
    """Yield the runs that are at work, each with the last line of its log, and those that ended last."""
    layout = project.layout
    begun = [run for run, state in states.items() if state == "begun"]
    ended = [run for run, state in states.items() if state in ("finished", "diverged")]
    newest = _newest({run: layout.state(run) for run in begun})
    yield from _listed("begun", [(run, _last_line(layout.log("train", run))) for run in newest], len(begun))
    newest = _newest({run: layout.run_file(run, "metrics.json") for run in ended})
    yield from _listed("ended", [(run, _result(project.runs[run])) for run in newest], len(ended))


def _newest(files: dict[str, Path]) -> list[str]:
    """Return the names of the files that were written last, the newest first."""
    times = {name: path.stat().st_mtime for name, path in files.items() if path.is_file()}
    return sorted(times, key=times.__getitem__, reverse=True)[:SHOWN]


def _listed(heading: str, rows: list[tuple[str, str]], count: int) -> Iterator[str]:
    if rows:
        more = f", the last {len(rows)} of {count}" if count > len(rows) else ""
        yield f"{heading}{more}:"
        yield from (f"  {text:<32}  {run}" for run, text in rows)


def _last_line(log: Path) -> str:
    """Return how far a run is: the last line of its log without the radius, which is long."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    epochs = [line for line in lines if line.startswith("epoch ")]
    return "  ".join(epochs[-1].split("  ")[:1] + epochs[-1].split("  ")[2:3]) if epochs else ""


def _result(run: "Outcome") -> str:
    accuracy = run.value("score")
    return run.state if accuracy is None else f"{accuracy:.2f} %"
