"""Bring a source's files into place: download its archive, unpack the listed members and nothing else."""

import gzip
import lzma
import os
import tarfile
import tempfile
import zlib
from pathlib import Path

from lets.data.download import download
from lets.data.sources import Source
from lets.data.verify import damaged, intact
from lets.errors import DataError
from lets.records.files import storage_errors, write_bytes

__all__ = ["fetch_and_unpack", "fetch_and_unpack_folder"]


def fetch_and_unpack(source: Source, root: Path) -> None:
    """Fetch what is missing or damaged below root/folder; files that are intact cost no network."""
    wanted = [file for file in source.files if not intact(root / source.folder / file.name, file)]
    if not wanted or source.archive is None:
        return
    archive = root / source.archive.file
    download(source.archive, archive)
    with damaged(archive, "delete it and run the same command again"), tarfile.open(archive) as members:
        for file in wanted:
            write_bytes(root / source.folder / file.name, _content(members, f"{source.folder}/{file.name}"))


def fetch_and_unpack_folder(source: Source, root: Path) -> None:
    """Fetch an archive that holds one folder and unpack it to root/folder, whole or not at all."""
    if source.archive is None:
        return
    archive = root / source.archive.file
    download(source.archive, archive)
    with storage_errors(root), tempfile.TemporaryDirectory(dir=root) as beside:
        try:
            with tarfile.open(archive) as members:
                members.extractall(beside, filter="data")
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise DataError(f"{archive} – cannot be unpacked ({type(error).__name__}) – delete it") from error
        if not Path(beside, source.folder).is_dir():
            raise DataError(
                f"{archive} – holds no folder {source.folder} – compare the entry in datasets.yaml with the archive"
            )
        os.replace(Path(beside) / source.folder, root / source.folder)


def _content(members: tarfile.TarFile, name: str) -> bytes:
    try:
        member = members.extractfile(name)
    except KeyError:
        member = None
    if member is None:
        raise DataError(
            f"{members.name!r} – holds no file {name} – compare the entry in datasets.yaml with the archive"
        )
    return member.read()
