"""Bring a source's files into place so that a broken connection costs nothing and a wrong byte is never used.

Of an archive the listed members are unpacked and nothing else, or its one folder.
"""

import gzip
import hashlib
import http.client
import lzma
import os
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from lets.data.sources import Archive, Source, damaged, intact
from lets.errors import ChecksumError, DataError
from lets.files import sha256_file, storage_errors, write_bytes

__all__ = ["download", "fetch_and_unpack", "fetch_and_unpack_folder"]

CHUNK = 1 << 20
TIMEOUT_S = 60
SLOWEST = 1_000
"""bytes a second, over a minute: a server that sends less is as good as one that has stopped"""
PAUSES_S = (0.0, 1.0, 4.0, 15.0)
"""waits before another try, counted anew whenever another percent of the file, or mebibyte, has come"""
LONGEST_PAUSE_S = 120.0
"""the most that a server's Retry-After is waited for"""
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""answers that another try may change; the others are final"""


class _Interrupted(Exception):
    """A try that ended early, and why; the server may have said after how many seconds to come back."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = min(pause, LONGEST_PAUSE_S)


def download(archive: Archive, target: Path) -> None:
    """Bring `archive` to `target`, resuming `target`.part, and rename only after size and digests fit.

    A target that is there and intact is left alone. Raises DataError when the connection keeps breaking or the
    server refuses (what came stays for the next try) and ChecksumError when it sent other bytes (they are deleted).
    No more than the known size is ever written.
    """
    if target.is_file() and target.stat().st_size == archive.bytes and sha256_file(target) == archive.sha256:
        return
    part = target.with_name(target.name + ".part")
    with storage_errors(part):
        target.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        if part.stat().st_size > archive.bytes:
            part.write_bytes(b"")  # of another version of the file
    _complete(archive, part)
    _check(archive, part)
    with storage_errors(target):
        os.replace(part, target)


def _complete(archive: Archive, part: Path) -> None:
    furthest, enough = part.stat().st_size, max(1, min(CHUNK, archive.bytes // 100))
    tries = iter(PAUSES_S)
    while (before := part.stat().st_size) < archive.bytes:
        reason, wanted = "connection closed early", 0.0
        try:
            _append(archive, part, before)
        except _Interrupted as error:
            reason, wanted = str(error), error.pause
        if part.stat().st_size >= furthest + enough:
            furthest, tries = part.stat().st_size, iter(PAUSES_S)
            continue
        pause = next(tries, None)
        if pause is None:
            raise DataError(
                f"{archive.url} – {reason}, at {before} of {archive.bytes} bytes – check the network and run "
                f"the same command again: it resumes; or bring the file to {part.with_suffix('')} by hand"
            )
        time.sleep(max(pause, wanted))


def _append(archive: Archive, part: Path, start: int) -> None:
    """Write what one answer holds from byte `start` on, or from the first one if the server sends all."""
    try:
        with _opened(archive, part, start) as response:
            first = _first_byte(response, start)
            with storage_errors(part):
                file = part.open("r+b")
            with file:
                chunks = _chunks(response, archive.bytes - first)
                if not first:
                    chunks = _no_page(chunks, archive, part)
                _write(_progress(chunks, archive, first), file, first, part)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise _Interrupted(str(getattr(error, "reason", error)) or type(error).__name__) from error


def _opened(archive: Archive, part: Path, start: int) -> http.client.HTTPResponse:
    request = urllib.request.Request(archive.url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        opener = urllib.request.build_opener(_SameScheme)
        response: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                with storage_errors(part):
                    part.write_bytes(b"")
                raise _Interrupted("the server has fewer bytes than are here") from error
            if error.code in PASSING:
                raise _Interrupted(f"the server answers {error.code} {error.reason}", _wait(error)) from error
            raise _by_hand(archive, part, f"the server answers {error.code} {error.reason}") from error
    return response


def _wait(error: urllib.error.HTTPError) -> float:
    """Return the seconds until a server wants to be asked again, 0 if it does not say."""
    after = error.headers.get("Retry-After", "")
    with suppress(ValueError):
        return float(int(after))
    with suppress(ValueError, TypeError):
        return (parsedate_to_datetime(after) - datetime.now(UTC)).total_seconds()
    return 0.0


def _by_hand(archive: Archive, part: Path, reason: str) -> DataError:
    return DataError(
        f"{archive.url} – {reason} – bring the file to {part.with_suffix('')} by hand and run the same command again"
    )


def _first_byte(response: http.client.HTTPResponse, start: int) -> int:
    """Return which byte of the file an answer begins with."""
    if response.status != http.client.PARTIAL_CONTENT:
        return 0  # no ranges here: again from the first byte
    told = response.headers.get("Content-Range", f"bytes {start}-")
    if not told.removeprefix("bytes ").startswith(f"{start}-"):
        raise _Interrupted(f"asked for byte {start} on, the server sent {told}")
    return start


def _write(chunks: Iterator[bytes], file: IO[bytes], first: int, part: Path) -> None:
    with storage_errors(part):
        file.seek(first)
        file.truncate()
    for chunk in chunks:
        with storage_errors(part):
            file.write(chunk)
            file.flush()


def _no_page(chunks: Iterator[bytes], archive: Archive, part: Path) -> Iterator[bytes]:
    """Pass on what comes from the first byte on; raises DataError if that is a page for people."""
    for number, chunk in enumerate(chunks):
        if not number and chunk[:99].lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise _by_hand(
                archive, part, "a page of HTML came instead of the file, as from a proxy or a login"
            )
        yield chunk


def _chunks(response: http.client.HTTPResponse, left: int) -> Iterator[bytes]:
    """Yield at most `left` bytes; a server that hardly sends any is left."""
    since, came = time.monotonic(), 0
    while left and (chunk := response.read1(min(CHUNK, left))):
        yield chunk
        left, came = left - len(chunk), came + len(chunk)
        if (elapsed := time.monotonic() - since) > TIMEOUT_S:
            if came < SLOWEST * elapsed:
                raise _Interrupted(f"the server sends {came / elapsed:.0f} bytes a second")
            since, came = time.monotonic(), 0


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but not out of https nor into anything that is no http at all."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the request to go on with; raises DataError for another scheme."""
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in (before, "https"):
            raise DataError(
                f"{req.full_url} – leads to {newurl}, from {before} to {after or 'nowhere'} – "
                "look for a proxy that redirects, or bring the file by hand"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _progress(chunks: Iterator[bytes], archive: Archive, done: int) -> Iterator[bytes]:
    tenth = 10 * done // archive.bytes
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if 10 * done // archive.bytes > tenth:
            tenth = 10 * done // archive.bytes
            print(f"{archive.file}: {10 * tenth} % of {archive.bytes / 1e6:.0f} MB", file=sys.stderr)


def _check(archive: Archive, part: Path) -> None:
    with part.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    sha256 = sha256_file(part)
    if (md5, sha256, part.stat().st_size) == (archive.md5 or md5, archive.sha256, archive.bytes):
        return
    size = part.stat().st_size
    part.unlink()
    raise ChecksumError(
        f"{archive.url} – sent {size} bytes with sha256 {sha256}, should be {archive.bytes} bytes with "
        f"{archive.sha256} – deleted; run the same command again, or look for a proxy that changes files"
    )


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
            raise DataError(
                f"{archive} – cannot be unpacked ({type(error).__name__}) – delete it and run the same command again"
            ) from error
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
