"""Who is at work in a project folder: a running workflow is told from a killed one, and named to a second one."""

import json
import logging
import os
import shlex
import shutil
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["forget_stale_locks"]

LOCK = Path(".snakemake/at-work.lock")
HOLDER = Path(".snakemake/at-work.json")
"""what the holder of the lock says about itself"""


def forget_stale_locks() -> FileLock:
    """Remove the lock that a killed Snakemake left in this folder; keep the returned one while working here.

    The operating system gives our lock back when a process dies, however it dies: whoever gets it
    knows that nobody else is at work. Whoever does not get it may be refused by Snakemake, if both
    make the same files: then with a sentence about the other one, also with --quiet.
    """
    LOCK.parent.mkdir(exist_ok=True)
    lock = FileLock(LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        logging.getLogger("snakemake.logging").addFilter(_name_the_holder)
    else:
        shutil.rmtree(".snakemake/locks", ignore_errors=True)
        HOLDER.write_text(json.dumps(_about_us()), encoding="utf-8")
    return lock


def _about_us() -> dict[str, str]:
    return {
        "pid": str(os.getpid()),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _name_the_holder(record: logging.LogRecord) -> bool:
    """Replace Snakemake's refusal, which --quiet swallows and which advises to remove the lock of a living one."""
    if getattr(record, "exception", "") != "LockException":
        return True
    print(f"error: {_refusal()}", file=sys.stderr, flush=True)
    return False


def _refusal() -> str:
    holder = {"pid": "", "host": "", "since": "", "command": ""}
    with suppress(OSError, ValueError):
        holder |= json.loads(HOLDER.read_text(encoding="utf-8"))
    stop, who = "end it", "another Snakemake"
    if holder["pid"]:
        away = "" if holder["host"] == socket.gethostname() else f", on {holder['host']}"
        stop = f"end it{away}:  kill {holder['pid']}"
        who += f" ({holder['command']}; process {holder['pid']}{away}, since {holder['since']})"
    return (
        f"{Path.cwd()} – {who} is making the same files here, nothing was started – wait until it is done and run "
        f"the same command again, or {stop}"
    )
