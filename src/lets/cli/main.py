"""The entry point, and how a command ends.

Exit codes: 0 fine · 2 bad input · 3 a training diverged (recorded) · 130 interrupted, 143 terminated;
10 to 15 an audit failed: bytes, matrix, records, cells, evidence, environment; 16 it lacked something.

It imports next to nothing, so that Ctrl-C is understood from the first moment on.
"""

import gc
import os
import sys
from typing import Any

from lets.cli import interruption

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lets.cli.app import app

    return app


def main() -> None:
    """Run the command line; an expected error, like an interruption, is one message and no traceback."""
    interruption.watch()
    try:
        code = _run()
    except BaseException:
        if not interruption.caught():
            raise
        code = 130
    interruption.finish(code)
    gc.freeze()  # or Python would look for garbage in torch once more before it ends, for a third of a second
    sys.exit(code)


def _run() -> int:
    """Return the exit code of the command line."""
    from lets.cli import project, streams
    from lets.errors import DivergenceError, LetsError

    streams.prepare()
    try:
        project.enter()
        code = _exit_code()
        streams.flush()
    except (LetsError, DivergenceError) as error:
        if os.environ.get("RANK", "0") == "0":  # of several processes, one says it
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:  # of a file or folder that nobody looked after: no fault of the program
        if error.filename is None:
            raise
        print(
            f"error: {error.filename} – {error.strerror} – check that path, and its rights", file=sys.stderr
        )
        return LetsError.exit_code
    finally:
        project.leave()
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
