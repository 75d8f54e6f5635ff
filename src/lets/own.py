"""Networks and data sets of the user's own, which a params file names as "module:function": where their source lies,
what it defines, and the digest of it. Imports no torch, and runs nothing of theirs but in `function`.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from lets.errors import SpecError

__all__ = ["check", "digest", "enter", "files", "function", "is_own"]

PAGE = "see docs/own-network.md"


def is_own(name: str) -> bool:
    """Return whether a name is "module:function", and no row of a catalogue."""
    return ":" in name


def files(name: str) -> list[Path]:
    """Return the files of the project folder that define `name`: its module, and whatever of ours that imports, sorted.

    They are read, not run. Raises SpecError where the module is not there or is no Python.
    """
    waiting, found = [_module_file(name)], dict[Path, None]()
    while waiting:
        file = waiting.pop()
        if file not in found:
            found[file] = None
            waiting += _imported(file, _tree(name, file))
    return sorted(found)


@cache
def digest(name: str) -> str:
    """Return the hexadecimal SHA-256 over names and bytes of `files`.

    They are read once: whoever edits them meanwhile changes neither what this process has imported nor its records.
    """
    found = sha256()
    for file in files(name):
        found.update(f"{file.as_posix()} {sha256(file.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def check(name: str) -> None:
    """Raise SpecError unless `name` is the function or class of a module in the project folder; nothing is imported."""
    module, _, wanted = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), wanted)):
        raise SpecError(f"{name!r} – is no module:function – write for example  mine:network,  {PAGE}")
    file = _module_file(name)
    body = _tree(name, file).body
    defined = [one.name for one in body if isinstance(one, ast.FunctionDef | ast.ClassDef)]
    if wanted not in defined:
        near = f"write  {module}:{defined[0]}" if len(defined) == 1 else f"it defines: {', '.join(defined)}"
        remedy = near if defined else f"write there  def {wanted}(…):"
        raise SpecError(f"{name!r} – {file} defines no function {wanted} – {remedy}")


def function(name: str) -> Callable[..., Any]:
    """Import and return what `name` stands for; raises SpecError with the reason if its module cannot be imported."""
    enter(name)
    module, _, wanted = name.partition(":")
    for file in files(name):  # Python takes what it compiled for new if second and size are the same
        with suppress(OSError):
            Path(cache_from_source(str(file))).unlink(missing_ok=True)
    try:
        found = import_module(module)
    except Exception as error:
        raise SpecError(f"{name!r} – its module cannot be imported ({reason(error)}) – repair it") from error
    if not found.__file__ or not Path(found.__file__).samefile(_module_file(name)):
        raise SpecError(
            f"{name!r} – {module} is the name of another module, {found.__file__} – rename yours, "
            f"for example  my_{module.rpartition('.')[2]}.py"
        )
    imported: Callable[..., Any] = getattr(found, wanted)
    return imported


def enter(name: str) -> None:
    """Check `name`, note its digest, and let modules of the project folder be imported; installed ones go first."""
    check(name)
    digest(name)
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.append(folder)


def reason(error: BaseException) -> str:
    """Return what an error of the user's code says, and the last of its lines that was running."""
    last, here = error.__traceback__, str(Path.cwd())
    places = []
    while last:
        file = Path(last.tb_frame.f_code.co_filename)
        if file.is_relative_to(here):
            places.append(f", {file.relative_to(here)}:{last.tb_lineno}")
        last = last.tb_next
    return f"{type(error).__name__}: {error}".partition("\n")[0] + (places[-1] if places else "")


def _module_file(name: str) -> Path:
    """Return the file of the module of `name`, relative to the project folder."""
    module = name.partition(":")[0]
    if (file := _file(module)) is None:
        path = Path(*module.split(".")).with_suffix(".py")
        raise SpecError(f"{name!r} – there is no {path} in {Path.cwd()} – write it there, {PAGE}")
    return file


def _file(module: str) -> Path | None:
    path = Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _tree(name: str, file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise SpecError(f"{name!r} – {file}:{line} is no Python ({error}) – repair that line") from error


def _imported(file: Path, tree: ast.Module) -> Iterator[Path]:
    """Yield the files of the project folder that a module imports, and those of the packages above it."""
    parts = file.with_suffix("").parts
    names = {".".join(parts[:end]) for end in range(1, len(parts))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = parts[: len(parts) - node.level] if node.level else ()
            origin = ".".join([*above, *filter(None, [node.module])])
            names |= {origin, *(f"{origin}.{alias.name}".strip(".") for alias in node.names)}
    yield from (found for name in sorted(names - {""}) if (found := _file(name)))
