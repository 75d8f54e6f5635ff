"""A process that has imported torch and forks for every `lets` of a workflow: imports are half of a short training.

`start` puts its address into the environment of a workflow's jobs. There `lets` hands over its arguments, folder,
environment and open files (`handed_over`) and waits, looking like an ordinary process: signals reach the fork, its exit
code comes back, and it does not outlive its client. Without a server `lets` does the work itself.
"""

import atexit
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["handed_over", "serve", "start"]

ADDRESS = "LETS_FORK_SERVER"
"""environment variable: a socket, in a folder that only its user may enter"""

EVERY = ("lets.cli.app", "lets.project")
MODULES = {
    "train": (*EVERY, "lets.train", "timm.models.vision_transformer"),
    "analyse": (*EVERY, "lets.train", "timm.models.vision_transformer", "lets.analyses.compute"),
    "report": (*EVERY, "scipy.stats", "seaborn"),
}
"""what a verb imports, all or most of it; another verb works in its own process"""

LONGEST_REQUEST = 2**20
LONGEST_ADDRESS = 107
"""bytes that Linux takes for the address of a socket"""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def start() -> None:
    """Start a server for this process and those it starts; it ends with this process and the last fork."""
    address = Path(tempfile.mkdtemp(prefix="lets-"), "socket")
    if len(os.fsencode(address)) > LONGEST_ADDRESS:
        address.parent.rmdir()  # in a temporary folder far down: every command works by itself
        return
    subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import serve; serve()", address],
        stdin=subprocess.PIPE,  # closed when this process ends, however it ends
        start_new_session=True,  # or Ctrl-C would reach a fork twice: through its client, and from the terminal
    )
    os.environ[ADDRESS] = str(address)


def handed_over() -> int | None:
    """Let the server run the command of this process; return its exit code, or None where there is no server."""
    if not set(sys.argv[1:2]) & MODULES.keys():
        return None
    request = json.dumps({"argv": sys.argv, "folder": os.getcwd(), "environment": dict(os.environ)})
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        try:
            server.connect(os.environ[ADDRESS])
            socket.send_fds(server, [request.encode()], [0, 1, 2])
        except OSError:
            return None
        return _Client(server).wait()


class _Client:
    """The process that was typed: passes signals on to the fork that does its work."""

    def __init__(self, server: socket.socket) -> None:
        self.server, self.fork, self.signal = server, 0, 0

    def wait(self) -> int | None:
        """Return the exit code of the fork, or None if there came to be none."""
        heard = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            if heard[number] is not signal.SIG_IGN:
                signal.signal(number, self._pass_on)
        self.fork = int(self.server.recv(16) or 0)
        if not self.fork:
            for number in SIGNALS:
                signal.signal(number, heard[number])
            return None
        if self.signal:
            os.kill(self.fork, self.signal)
        answer = self.server.recv(16)
        return int(answer) if answer else 128 + self.signal if self.signal else 1

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self.signal = number
        if self.fork:
            os.kill(self.fork, number)


def serve() -> None:
    """Fork for every client; the address is the only argument of the process, its stdin that of who started it."""
    address = Path(sys.argv[1])
    with _Server(str(address), _Fork) as server:
        while 0 not in (ready := select.select([0, server.fileno()], [], [])[0]) or server.fileno() in ready:
            server.handle_request()
            server.collect_children()
    shutil.rmtree(address.parent)


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """Imports what a command needs before it forks; ends once all forks have ended."""

    socket_type = socket.SOCK_SEQPACKET
    request_queue_size = max_children = 1024

    def get_request(self) -> tuple[socket.socket, Any]:
        client = self.socket.accept()[0]
        content, files, _, _ = socket.recv_fds(client, LONGEST_REQUEST, 3)
        request = json.loads(content)
        for module in MODULES[request["argv"][1]]:
            import_module(module)
        return client, (request, files)

    def process_request(self, request: Any, client_address: Any) -> None:
        super().process_request(request, client_address)
        for file in client_address[1]:  # the fork has them now, and does not come back here
            os.close(file)


class _Fork(socketserver.BaseRequestHandler):
    """The process of one command."""

    def handle(self) -> None:
        request, files = self.client_address
        self.server.server_close()
        self._end_with_the_client()
        self.request.send(b"%d" % os.getpid())
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        del os.environ[ADDRESS]
        sys.argv = request["argv"]
        self.request.send(b"%d" % _exit_code())

    def _end_with_the_client(self) -> None:
        """Have the kernel end this process when the other end of its connection is closed."""
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(self.request, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self.request, fcntl.F_SETFL, os.O_ASYNC)


def _exit_code() -> int:
    """Run the command line; return what its process would end with."""
    from lets.cli.main import main

    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    atexit._run_exitfuncs()
    return code
