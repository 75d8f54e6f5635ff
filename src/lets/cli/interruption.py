"""Ctrl-C and SIGTERM: one line that says where a command stopped, and 128 + the number of the signal as exit code.

Importing this file imports nothing that takes time.
"""

import _thread
import atexit
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

__all__ = ["at", "caught", "finish", "stop", "watch"]

_UNTOUCHED = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""what a signal does where nobody has asked for anything else (nohup does, and jobs in the background)"""

PATIENCE_S = 10.0
"""how long a stopped command may take to clean up, for an exception can be lost, or wait for a lock"""

_signal = 0
_place = ""
_module = ""


def watch() -> None:
    """Turn both signals into KeyboardInterrupt; a rank of torchrun dies of them, and its parent tells why."""
    rank = "TORCHELASTIC_RUN_ID" in os.environ
    for number, handler in _UNTOUCHED.items():
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.SIG_DFL if rank else stop)


def at(place: str) -> None:
    """Say what is being done, for the line of an interruption."""
    global _place
    _place = place


def caught() -> bool:
    """Whether this process was told to stop."""
    return bool(_signal)


def stop(number: int, frame: "FrameType | None" = None) -> "NoReturn":
    """Raise KeyboardInterrupt, so that everything is cleaned up; the second time, or too late, end at once."""
    global _signal, _module
    if _signal:
        os._exit(128 + number)
    _signal, _module = number, _module_of(frame)
    _thread.start_new_thread(_end_late, ())  # threading may be half imported
    raise KeyboardInterrupt


def finish(code: int) -> None:
    """End an interrupted command with the line that says where; let any other end with `code`, signals or not."""
    for number in _UNTOUCHED:
        if signal.getsignal(number) is stop:
            signal.signal(number, lambda number, _: os._exit(128 + number if _signal else code))
    if _signal:
        _tell()
        atexit._run_exitfuncs()
        # Not sys.exit: Python would end by SIGINT if that came while code was made from text, as typer makes some.
        os._exit(128 + _signal)


def _end_late() -> None:
    time.sleep(PATIENCE_S)
    _tell()
    os._exit(128 + _signal)


def _tell() -> None:
    told = f"interrupted: {_where()} – run the same command again, it goes on from the last state saved"
    print("\n" * sys.stderr.isatty() + told, file=sys.stderr, flush=True)


def _where() -> str:
    verb = " ".join(["lets", *sys.argv[1:2]])
    return ", ".join(filter(None, [verb, _place, _module and f"in {_module}"]))


def _module_of(frame: "FrameType | None") -> str:
    """The innermost module of ours that was at work, this and the entry point apart."""
    while frame:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith("lets.") and name not in (__name__, "lets.cli.main"):
            return name
        frame = frame.f_back
    return ""
