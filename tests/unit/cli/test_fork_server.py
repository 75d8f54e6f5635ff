"""A command that a fork of another process runs looks like any other: output, exit code, signals, its end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lets.cli import fork_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has sockets of this kind")

COMMON = """
import os, sys, time
from lets.cli import app, fork_server, interruption, main
fork_server.MODULES = {"status": ("colorsys",)}
"""
SERVER = f"{COMMON}app.app = lambda: exec(os.environ['VERB'])\nfork_server.serve()"
CLIENT = (
    f"{COMMON}sys.argv = ['lets', 'status', 'of mine']\napp.app = lambda: print('by itself')\nmain.main()"
)
HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""a test run in the background of a shell ignores Ctrl-C, and what it starts would too"""
WAITING = "print(os.getpid(), flush=True); time.sleep(60)"


class Server:
    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, folder / "private" / "socket"
        self.address.parent.mkdir()
        command = [sys.executable, "-c", HEARS + SERVER, str(self.address)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        while not self.address.exists():
            assert self.process.poll() is None
            time.sleep(0.02)

    def client(self, verb: str, **more: str) -> subprocess.Popen[str]:
        environment = {**os.environ, fork_server.ADDRESS: str(self.address), "VERB": verb, **more}
        return subprocess.Popen(
            [sys.executable, "-c", HEARS + CLIENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=environment,
        )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.process.kill()


def alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def becomes(condition: object) -> bool:
    end = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_arguments_folder_environment_and_files_are_those_of_the_client(server: Server) -> None:
    verb = "print(sys.argv, os.getcwd(), os.environ['MORE'], sys.stdin.read(), 'colorsys' in sys.modules);"
    client = server.client(verb + "print('aside', file=sys.stderr); sys.exit(7)", MORE="ß")
    told, aside = client.communicate("typed", timeout=60)
    wanted = f"['lets', 'status', 'of mine'] {server.folder} ß typed True\n"
    assert (client.returncode, told, aside) == (7, wanted, "aside\n")


def test_one_fork_leaves_nothing_to_the_next(server: Server) -> None:
    verb = "print(hasattr(time, 'left'), len(os.listdir('/proc/self/fd'))); time.left = 1"
    first, second = (server.client(verb).communicate(timeout=60)[0] for _ in range(2))
    assert first.startswith("False")
    assert second == first


def test_expected_errors_and_others(server: Server) -> None:
    client = server.client(
        "from lets.errors import StorageError; raise StorageError('disk – full – free some')"
    )
    assert client.communicate(timeout=60)[1] == "error: disk – full – free some\n"
    assert client.returncode == 2
    client = server.client("1 / 0")
    assert "ZeroDivisionError" in client.communicate(timeout=60)[1]
    assert client.returncode == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_reaches_the_fork(server: Server, number: int, code: int) -> None:
    client = server.client(f"interruption.at('epoch 3 of 20'); {WAITING}")
    fork = int(client.stdout.readline())  # type: ignore[union-attr]
    client.send_signal(number)
    _, told = client.communicate(timeout=60)
    assert client.returncode == code
    (line,) = told.splitlines()
    assert line.startswith("interrupted: lets status, epoch 3 of 20")
    assert becomes(lambda: not alive(fork))


def test_a_fork_does_not_outlive_its_client(server: Server) -> None:
    client = server.client(WAITING)
    fork = int(client.stdout.readline())  # type: ignore[union-attr]
    assert alive(fork)
    client.kill()
    assert becomes(lambda: not alive(fork))


def test_a_killed_fork_is_an_error(server: Server) -> None:
    client = server.client("os.kill(os.getpid(), 9)")
    client.communicate(timeout=60)
    assert client.returncode == 1


def test_the_server_ends_with_who_started_it_once_its_forks_have_ended(server: Server) -> None:
    client = server.client("print('ready', flush=True); sys.stdin.read(); print('done')")
    client.stdout.readline()  # type: ignore[union-attr]
    server.process.stdin.close()  # type: ignore[union-attr]
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(0.5)
    assert client.communicate("go on", timeout=60)[0] == "done\n"
    assert server.process.wait(60) == 0
    assert not server.address.parent.exists()


def test_without_a_server_a_command_works_by_itself(server: Server) -> None:
    server.process.kill()
    server.process.wait()
    client = server.client("print('by the server')")
    assert client.communicate(timeout=60) == ("by itself\n", "")
    assert client.returncode == 0


def test_an_address_that_is_too_long_starts_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = tmp_path / ("x" * 110)
    far.mkdir()
    monkeypatch.setattr(fork_server.tempfile, "tempdir", str(far))
    monkeypatch.setattr(fork_server.subprocess, "Popen", None)  # cannot be called
    monkeypatch.setenv(fork_server.ADDRESS, "")
    fork_server.start()
    assert os.environ[fork_server.ADDRESS] == ""
    assert not list(far.iterdir())


def test_started_it_serves_its_own_process_and_what_that_starts(tmp_path: Path) -> None:
    program = (
        "import os, subprocess; from lets.cli import fork_server; fork_server.start();"
        "print(subprocess.run(['lets', 'report', '--figure', 'none'], capture_output=True, text=True));"
        "print(os.environ[fork_server.ADDRESS])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    answer, address = done.stdout.splitlines()
    assert "returncode=2" in answer
    assert becomes(lambda: not Path(address).parent.exists())
