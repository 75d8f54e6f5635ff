"""Data sets that come with an installed package: nothing is downloaded, and the package is not imported."""

import importlib.metadata
from importlib.util import find_spec
from pathlib import Path

from lets.data.sources import Source
from lets.data.verify import intact
from lets.errors import ChecksumError, DataError

__all__ = ["read_packaged"]


def read_packaged(source: Source) -> dict[str, str]:
    """Read and verify every file of `source.folder`, whose first part is the package; return name → text.

    Raises DataError if the package is not installed, ChecksumError for a file with other bytes, or none.
    """
    package, *inside = source.folder.split("/")
    folder = _folder(package, source).joinpath(*inside)
    found = {}
    for file in source.files:
        path = folder / file.name
        if not intact(path, file):
            raise ChecksumError(
                f"{path} – its md5 is not {file.md5}: {package} {importlib.metadata.version(package)} comes with "
                f"another one – run  pip install --force-reinstall '{source.package}'"
            )
        found[file.name] = path.read_text(encoding="utf-8")
    return found


def _folder(package: str, source: Source) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"dataset {source.name!r} – comes with the package {package}, which is not installed – run  "
            "pip install 'lets-repro[language]'"
        )
    return Path(spec.submodule_search_locations[0])
