"""What is printed, wherever it goes: to a reader that has gone, to a terminal that lacks our characters, nowhere."""

import codecs
import io
import os
import sys

from lets.errors import StorageError

__all__ = ["flush", "prepare"]


def prepare() -> None:
    """Let stdout and stderr of this process print every character and outlive their reader."""
    codecs.register_error("escaped", _escaped)
    sys.stdout, sys.stderr = map(_lasting, (sys.stdout, sys.stderr))


def flush() -> None:
    """Print the rest; raises StorageError if it cannot be written, as to a full disk."""
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
