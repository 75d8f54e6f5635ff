"""Options that several verbs share, and the project that they are about.

It is found from any folder below its root, where all commands then work.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from lets.commands import DEMO, command, plain
from lets.errors import SpecError

__all__ = [
    "DEMO",
    "Device",
    "InProject",
    "ParamsFile",
    "Threads",
    "as_typed",
    "enter",
    "leave",
    "refuse_outside",
]

ParamsFile = Annotated[Path, typer.Option("--params", help="what to run: a params file")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda; default: what the params file says")]
Threads = Annotated[int, typer.Option(help="CPU threads; equal bytes need equal threads", min=1)]

MARKS = ("Snakefile", "params")
"""what the root of a project holds"""

_typed_in: Path | None = None
"""where the user is; None before `enter`"""


def enter() -> None:
    """Go to the root of the project around the current folder; outside of all projects stay."""
    global _typed_in
    try:
        _typed_in = Path.cwd()
    except FileNotFoundError as error:
        raise SpecError("the current folder – is not there any more – go to another one:  cd") from error
    if os.environ.get("LETS_DATA"):
        os.environ["LETS_DATA"] = str(as_typed(Path(os.environ["LETS_DATA"])))
    if (root := _root(_typed_in)) and root != _typed_in:
        os.chdir(root)


def leave() -> None:
    """Go back to where the user is, and know of no project: as before `enter`."""
    global _typed_in
    if _typed_in:
        with suppress(FileNotFoundError):
            os.chdir(_typed_in)
    _typed_in = None


def as_typed(path: Path) -> Path:
    """Return where a path leads that was typed where the user is, seen from the root."""
    root = _typed_in and _root(_typed_in)
    if not _typed_in or not root or root == _typed_in:
        return path
    found = Path(os.path.abspath(_typed_in / path))
    return found.relative_to(root) if found.is_relative_to(root) else found


def refuse_outside(params: Path | None = None) -> None:
    """Raise SpecError outside of all projects; who works beside `params`, a file of his own, has one there."""
    if _typed_in is None or _root(_typed_in) or (params and _lies_below(params, _typed_in)):
        return
    known = _root(Path(os.path.abspath(params))) if params else None
    root = known or _root(Path(__file__))
    go = f"run  {command('cd', root)}" if root else "go to your clone of it"
    raise SpecError(
        f"{plain(str(_typed_in))} – is no project, for neither it nor a folder above holds {' and '.join(MARKS)}; "
        f"nothing was written – {go}  and the same command again"
    )


class InProject(TyperCommand):
    """A command that reads or writes a project; its options count from where the user is."""

    def invoke(self, ctx: Any) -> Any:
        """Call the verb in the root of the project."""
        typed = {
            name: value
            for name, value in ctx.params.items()
            if isinstance(value, Path) and ctx.get_parameter_source(name).name == "COMMANDLINE"
        }
        refuse_outside(typed.get("params") or typed.get("file"))
        ctx.params |= {name: as_typed(path) for name, path in typed.items()}
        return super().invoke(ctx)


def _root(folder: Path) -> Path | None:
    return next(
        (one for one in (folder, *folder.parents) if all((one / mark).exists() for mark in MARKS)), None
    )


def _lies_below(path: Path, folder: Path) -> bool:
    return path.is_file() and Path(os.path.abspath(path)).is_relative_to(folder)
