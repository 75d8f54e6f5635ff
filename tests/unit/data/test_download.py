import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from lets.data import download as module
from lets.data.download import download, fetch_and_unpack
from lets.data.sources import Archive, File, Source
from lets.errors import ChecksumError, DataError, StorageError

CONTENT = np.random.default_rng(0).bytes(300_000)


@dataclass
class Server:
    """A file server that can drop the connection; `starts` notes the first byte of every request."""

    content: bytes = CONTENT
    drop_after: list[int] = field(default_factory=list)
    fails: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    endless: bool = False
    moved_to: str = ""
    ranges: bool = True
    status: int = 0
    starts: list[int] = field(default_factory=list)
    url: str = ""
    sent: int = 0

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers["Range"]
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if self.ranges and wanted else 0
        self.starts.append(start)
        status = self.fails.pop(0) if self.fails else self.status
        if status or self.moved_to:
            handler.send_response(status or 302)
            for name, value in {**self.headers, "Location": self.moved_to, "Content-Length": "0"}.items():
                handler.send_header(name, value)
            handler.end_headers()
            return
        body = self.content[start:]
        handler.send_response(206 if self.ranges and wanted else 200)
        for name, value in (
            {} if self.endless else {"Content-Length": str(len(body))} | self.headers
        ).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body[: self.drop_after.pop(0)] if self.drop_after else body)
        with suppress(ConnectionError):
            while self.endless:
                self.sent += handler.wfile.write(bytes(1 << 16))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.respond(self)

        def log_message(self, *_: object) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}/data.bin"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES_S", (0.0, 0.0))


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    return pauses


def archive_of(content: bytes, url: str) -> Archive:
    return Archive(
        url, "data.bin", len(content), hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()
    )


def test_a_dropped_connection_is_resumed_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.drop_after = [100_000, 50_000]
    download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.starts == [0, 100_000, 150_000]
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin"]


def test_without_an_md5_the_sha256_decides(server: Server, tmp_path: Path) -> None:
    known = replace(archive_of(CONTENT, server.url), md5="")
    download(known, tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    for wrong in (replace(known, sha256=64 * "0"), replace(known, sha256="")):
        with pytest.raises(ChecksumError, match="sent 300000 bytes with sha256"):
            download(wrong, tmp_path / "other.bin")


def test_the_next_command_resumes_too(server: Server, tmp_path: Path) -> None:
    server.drop_after = [120_000, 0, 0, 0]
    with pytest.raises(DataError, match=r"at 120000 of 300000 bytes – .*same command again: it resumes"):
        download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin.part"]
    server.starts.clear()
    download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert server.starts == [120_000]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.drop_after = [100_000]
    download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_that_always_breaks_is_given_up(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.drop_after = [100_000, 50_000] * 20
    with pytest.raises(DataError, match="connection closed early"):
        download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert len(server.starts) == 4  # the first, and two more tries that brought no more than it


def test_other_bytes_are_deleted_and_never_renamed(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(
        ChecksumError, match=r"sent 300000 bytes with sha256 [0-9a-f]{64}, should be 300000 bytes"
    ):
        download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert list(tmp_path.iterdir()) == []


def test_an_intact_file_costs_no_request_and_a_damaged_one_is_replaced(
    server: Server, tmp_path: Path
) -> None:
    target = tmp_path / "data.bin"
    target.write_bytes(CONTENT)
    download(archive_of(CONTENT, server.url), target)
    assert server.starts == []
    target.write_bytes(bytes(300_000))
    download(archive_of(CONTENT, server.url), target)
    assert target.read_bytes() == CONTENT


def test_refusing_server_is_not_asked_twice(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(
        DataError, match=r"the server answers 404 Not Found – bring the file to .*data.bin by hand"
    ):
        download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert server.starts == [0]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("here", [0, 1000, 300_000 - 1, 300_001])
def test_an_endless_answer_is_left_at_the_known_size(
    server: Server, tmp_path: Path, ranges: bool, here: int
) -> None:
    server.endless, server.ranges = True, ranges
    (tmp_path / "data.bin.part").write_bytes((CONTENT + b"xx")[:here])
    download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert len(server.starts) == 1


@pytest.mark.parametrize("length", ["10", "299999", "300001", "999999999", "-1", "many"])
def test_a_wrong_content_length_writes_no_more_and_no_less(
    server: Server, tmp_path: Path, length: str
) -> None:
    server.headers = {"Content-Length": length}
    with suppress(DataError):
        download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    (there,) = tmp_path.iterdir()
    assert there.read_bytes() == CONTENT[: there.stat().st_size]
    assert there.name == ("data.bin" if there.stat().st_size == len(CONTENT) else "data.bin.part")


@pytest.mark.parametrize("told", ["bytes 0-299999/300000", "bytes */300000", "nonsense"])
def test_another_range_than_asked_for_is_never_appended(server: Server, tmp_path: Path, told: str) -> None:
    server.headers = {"Content-Range": told}
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    with pytest.raises(
        DataError, match=r"asked for byte 1000 on, the server sent .* at 1000 of 300000 bytes"
    ):
        download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert (tmp_path / "data.bin.part").read_bytes() == CONTENT[:1000]


def test_a_part_longer_than_the_servers_file_begins_anew(server: Server, tmp_path: Path) -> None:
    server.fails = [416]
    (tmp_path / "data.bin.part").write_bytes(bytes(1000))
    download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.starts == [1000, 0]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(
    server: Server, tmp_path: Path, status: int, slept: list[float]
) -> None:
    server.fails = [status, status]
    download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    server.status = status
    with pytest.raises(DataError, match=rf"the server answers {status} .*run the same command again"):
        download(archive_of(CONTENT, server.url), tmp_path / "other.bin")


@pytest.mark.parametrize(
    ("after", "pause"),
    [("7", 7), ("0", 0), ("99999", 120), ("Wed, 21 Oct 2099 07:28:00 GMT", 120), ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
     ("-5", 0), ("soon", 0), ("", 0)],
)  # fmt: skip
def test_retry_after_is_waited_for_within_bounds(
    server: Server, tmp_path: Path, slept: list[float], after: str, pause: float
) -> None:
    server.fails, server.headers = [503], {"Retry-After": after}
    download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert slept == [pause]


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://127.0.0.1/"]
)
def test_a_redirect_out_of_http_is_not_followed(server: Server, tmp_path: Path, target: str) -> None:
    server.moved_to = target
    with pytest.raises(DataError):
        download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert len(server.starts) == 1
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [0]


def test_a_redirect_from_https_to_http_is_refused() -> None:
    request = module.urllib.request.Request("https://example.org/x")
    with pytest.raises(
        DataError, match=r"https://example.org/x – leads to http://example.org/x, from https to http"
    ):
        module._SameScheme().redirect_request(request, None, 302, "", {}, "http://example.org/x")


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>log in", b"\n <html><body>"])
@pytest.mark.parametrize("ranges", [True, False])
def test_the_page_of_a_proxy_is_named(server: Server, tmp_path: Path, page: bytes, ranges: bool) -> None:
    server.content, server.ranges = page * 20_000, ranges
    with pytest.raises(DataError, match="a page of HTML came instead of the file"):
        download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert len(server.starts) == 1
    assert (tmp_path / "data.bin.part").read_bytes() == b""


def test_a_server_that_gives_a_few_bytes_at_a_time_is_given_up(server: Server, tmp_path: Path) -> None:
    server.drop_after = [1] * 1000
    with pytest.raises(DataError, match="connection closed early, at 2 of 300000 bytes"):
        download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert (tmp_path / "data.bin.part").read_bytes() == CONTENT[:3]


def test_a_server_that_hardly_sends_anything_is_left(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10**9, 400))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(module, "CHUNK", 1000)
    download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert len(server.starts) == 300  # after every thousand bytes it was asked anew


def test_unreachable_server(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"127\.0\.0\.1:1/.*refused.*at 0 of 300000 bytes"):
        download(archive_of(CONTENT, "http://127.0.0.1:1/data.bin"), tmp_path / "data.bin")


def test_a_place_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"data\.bin\.part – cannot be written"):
        download(archive_of(CONTENT, server.url), tmp_path / "file" / "data.bin")


def test_progress_goes_to_stderr(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    download(archive_of(CONTENT, server.url), tmp_path / "data.bin")
    out, err = capsys.readouterr()
    assert out == ""
    assert "data.bin: 100 % of 0 MB" in err


def packed(members: dict[str, bytes], url: str) -> tuple[bytes, Source]:
    """A tar.gz of `members` and a source that lists folder/a and folder/b."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    files = tuple(File(name, "train", 3, hashlib.md5(name.encode() * 3).hexdigest()) for name in "ab")
    archive = archive_of(stream.getvalue(), url)
    return stream.getvalue(), Source("cifar10", "", "", "", "", archive, folder="folder", files=files)


def test_only_listed_members_are_unpacked(server: Server, tmp_path: Path) -> None:
    members = {
        "folder/a": b"aaa",
        "folder/b": b"bbb",
        "folder/extra": b"x",
        "../escape": b"x",
        "/tmp/escape-lets": b"x",
    }
    server.content, source = packed(members, server.url)
    root = tmp_path / "root"
    fetch_and_unpack(source, root)
    assert {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} == {
        "data.bin",
        "folder/a",
        "folder/b",
    }
    assert (root / "folder" / "b").read_bytes() == b"bbb"
    assert not (tmp_path / "escape").exists()
    assert not Path("/tmp/escape-lets").exists()


def test_intact_files_cost_no_network_and_damaged_ones_are_restored(server: Server, tmp_path: Path) -> None:
    server.content, source = packed({"folder/a": b"aaa", "folder/b": b"bbb"}, server.url)
    fetch_and_unpack(source, tmp_path)
    (tmp_path / "data.bin").unlink()
    server.starts.clear()
    fetch_and_unpack(source, tmp_path)
    assert server.starts == []
    (tmp_path / "folder" / "a").write_bytes(b"axa")
    fetch_and_unpack(source, tmp_path)
    assert (tmp_path / "folder" / "a").read_bytes() == b"aaa"


def test_an_archive_without_a_listed_file(server: Server, tmp_path: Path) -> None:
    server.content, source = packed({"folder/a": b"aaa"}, server.url)
    with pytest.raises(DataError, match="holds no file folder/b"):
        fetch_and_unpack(source, tmp_path)
