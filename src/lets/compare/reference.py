"""What a tree is compared with: a commit, another folder, or an exported crate."""

import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lets.commands import plain
from lets.errors import SpecError

Reader = Callable[[Path], bytes | None]
"""path below the root of a project → its bytes; None if it is not there"""


@dataclass(frozen=True)
class Reference:
    """A tree of reports to compare with, and what to call it."""

    name: str
    read: Reader

    def text(self, path: Path) -> str:
        """Return a text file; raises SpecError if it is not there or is no text."""
        content = self.read(path)
        if content is None:
            raise SpecError(
                f"{self.name} – has no {path} – name a commit, folder or crate with the reports of this profile"
            )
        try:
            return content.decode().replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise SpecError(f"{self.name} – its {path} is no text – name another reference") from error


def open_reference(name: str, root: Path) -> Reference:
    """Return the folder, archive or commit of this name, `root` being the project; raises SpecError for none."""
    path = Path(name)
    if name and path.is_dir():
        return Reference(f"the folder {plain(name)}", lambda file: _bytes(path / file))
    if path.is_file():
        return Reference(f"the crate {plain(name)}", _archive(path))
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit is None:
        raise SpecError(
            f"{plain(name)!r} – is no folder, no crate and no commit – write  lets compare HEAD,  or a path"
        )
    revision = commit.decode().strip()
    return Reference(
        f"commit {revision[:10]}", lambda file: _git(root, "show", f"{revision}:./{file.as_posix()}")
    )


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _archive(path: Path) -> Reader:
    """Return what reads the files of a crate, by their paths below its root."""
    if not zipfile.is_zipfile(path):
        raise SpecError(f"{plain(str(path))} – is no archive – name a crate that  lets export  wrote")

    def read(file: Path) -> bytes | None:
        with zipfile.ZipFile(path) as archive:
            name = file.as_posix()
            return archive.read(name) if name in archive.namelist() else None

    return read


def _git(root: Path, *words: str) -> bytes | None:
    """Return what git prints; None if it refuses, or is not there."""
    try:
        return subprocess.run(["git", "-C", root, *words], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
