"""Download one file so that a broken connection costs nothing and a wrong byte is never used."""

import hashlib
import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from lets.data.sources import Archive
from lets.errors import ChecksumError, DataError
from lets.records.digests import sha256_file
from lets.records.files import storage_errors

__all__ = ["download"]

CHUNK = 1 << 20
TIMEOUT_S = 60
PAUSES_S = (0.0, 1.0, 4.0, 15.0)
"""waits before another try, counted anew whenever the file is longer than ever"""


def download(archive: Archive, target: Path) -> None:
    """Bring `archive` to `target`, resuming `target`.part, and rename only after size and digests fit.

    A target that is there and intact is left alone. Raises DataError when the connection keeps breaking (what
    came stays for the next try) and ChecksumError when the server sent other bytes (they are deleted).
    """
    if target.is_file() and target.stat().st_size == archive.bytes and sha256_file(target) == archive.sha256:
        return
    part = target.with_name(target.name + ".part")
    with storage_errors(part):
        target.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    _complete(archive, part)
    _check(archive, part)
    os.replace(part, target)


def _complete(archive: Archive, part: Path) -> None:
    furthest = part.stat().st_size
    tries = iter(PAUSES_S)
    while (before := part.stat().st_size) < archive.bytes:
        try:
            _append(archive, part, before)
            reason = "connection closed early"
        except urllib.error.HTTPError as error:
            raise DataError(
                f"{archive.url} – the server answers {error.code} {error.reason} – "
                f"bring the file to {part.with_suffix('')} by hand and run the same command again"
            ) from error
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(error)
        if part.stat().st_size > furthest:
            furthest, tries = part.stat().st_size, iter(PAUSES_S)
            continue
        pause = next(tries, None)
        if pause is None:
            raise DataError(
                f"{archive.url} – {reason}, at {before} of {archive.bytes} bytes – check the network and run "
                f"the same command again: it resumes; or bring the file to {part.with_suffix('')} by hand"
            )
        time.sleep(pause)


def _append(archive: Archive, part: Path, start: int) -> None:
    request = urllib.request.Request(archive.url, headers={"Range": f"bytes={start}-"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        with storage_errors(part):
            file = part.open("ab" if resumed else "wb")  # no ranges here: again from the first byte
        with file:
            for chunk in _progress(_chunks(response), archive, start if resumed else 0):
                with storage_errors(part):
                    file.write(chunk)


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while chunk := response.read1(CHUNK):
        yield chunk


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
