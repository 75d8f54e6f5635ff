"""The entry point, what is printed wherever it goes, and how a command ends.

Exit codes: 0 fine · 2 bad input · 3 a training diverged (recorded) · 130 interrupted, 143 terminated;
10 to 15 an audit failed: bytes, matrix, records, cells, evidence, environment; 16 it lacked something.

It imports next to nothing, so that Ctrl-C is understood from the first moment on.
"""

import codecs
import errno
import gc
import io
import os
import sys

from lets.cli import interruption

__all__ = ["main"]


def __getattr__(name: str) -> object:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lets.cli.app import app

    return app


def main() -> None:
    """Run the command line; an expected error, like an interruption, is one message and no traceback."""
    interruption.watch()
    try:
        code = _by_fork_server()
        if code is None:
            code = _run()
    except ModuleNotFoundError as error:
        if (error.name or "lets").startswith("lets"):
            raise
        print(
            f"error: {error.name} – is not installed, and the library alone has no commands – run  "
            "pip install 'lets-repro[pipeline]'",
            file=sys.stderr,
        )
        code = 2
    except BaseException:
        if not interruption.caught():
            raise
        code = 130
    interruption.finish(code)
    gc.freeze()  # or Python would look for garbage in torch once more before it ends, for a third of a second
    sys.exit(code)


def _by_fork_server() -> int | None:
    """Return the exit code of the command, if a workflow's fork server ran it."""
    if "LETS_FORK_SERVER" not in os.environ:
        return None
    from lets.cli.fork_server import handed_over

    return handed_over()


def _run() -> int:
    """Return the exit code of the command line."""
    from lets.cli import options
    from lets.errors import DivergenceError, LetsError

    _prepare_streams()
    try:
        options.enter()
        code = _exit_code()
        _flush()
    except (LetsError, DivergenceError) as error:
        if os.environ.get("RANK", "0") == "0":  # of several processes, one says it
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:  # of a file or folder that nobody looked after: no fault of the program
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space and run the same command again"
        elif error.filename is None:
            raise
        else:
            remedy = "check that path, and its rights"
        print(f"error: {error.filename or 'a file'} – {error.strerror} – {remedy}", file=sys.stderr)
        return LetsError.exit_code
    finally:
        options.leave()
    return code


def _exit_code() -> int:
    """Call the verb; return what it, or typer about its options, ends the process with."""
    from lets.cli.app import app

    try:
        app()
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
            return 1
        return error.code or 0
    return 0


def _prepare_streams() -> None:
    """Let stdout and stderr of this process print every character and outlive their reader."""
    codecs.register_error("escaped", _escaped)
    sys.stdout, sys.stderr = map(_lasting, (sys.stdout, sys.stderr))


def _flush() -> None:
    """Print the rest; raises StorageError if it cannot be written, as to a full disk."""
    from lets.errors import StorageError

    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError as error:
        sys.stdout = None  # or Python would try once more and print a traceback
        raise StorageError(f"stdout – cannot be written ({error.strerror}) – print elsewhere") from error


class _Outlet(io.FileIO):
    """A file descriptor to write to. `lets report | head -1` makes every table: what nobody reads is dropped."""

    def write(self, content: object) -> int:
        try:
            return super().write(content)  # type: ignore[arg-type]
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return memoryview(content).nbytes  # type: ignore[arg-type]


def _lasting(stream: object) -> object:
    """Return the same stream over an `_Outlet`; what is no open file (a test's buffer, None) stays as it is."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Outlet(stream.fileno(), "wb", closefd=False)),
        encoding=stream.encoding,
        errors="escaped",
        line_buffering=stream.line_buffering or stream is sys.stderr,
        write_through=stream.write_through,
    )


def _escaped(error: UnicodeError) -> tuple[str, int]:
    r"""Write a character that an encoding lacks as JSON does: – becomes \u2013, and JSON stays JSON."""
    import json

    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
