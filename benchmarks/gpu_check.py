"""What a user with a GPU runs once: whether all of it works there, to the same numbers, and how fast.

Its parts are benchmarks in processes of their own, most important ones first. A part that has spent its time is
killed and leaves what it has found so far; the result file is written after each.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from .measure import rounded
from .project import ROOT, environment
from .result import Conditions, Findings, Row

HOW = """\
Every part is a benchmark that also runs alone (`lets bench NAME --device {device}`). *agrees*: it found nothing
wrong; *cut short*: its time was up, and what it measured until then was right; *differs*, *failed*, *unfinished*: see
there."""
SECONDS = 600
"""of all parts together: once they are over, no further one begins"""
ON_A_CPU = 8
"""times as long it may take where it is only rehearsed"""
FINE = ("agrees", "cut short")


def measure(given: Conditions) -> Findings:
    """One row a part, and the part's own result."""
    from .catalogue import PARTS

    found = Findings(HOW.format(device=given.device), [], timed=False)
    patience = ON_A_CPU if given.device == "cpu" else 1
    end = monotonic() + patience * SECONDS
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            limit = min(patience * part.limit, end - monotonic())
            print(f"{part.name}: {part.question} (at most {limit:.0f} s)", file=sys.stderr, flush=True)
            row, result = (
                made(part.name, given, limit, Path(folder)) if limit > 0 else (_late(part.name), None)
            )
            add(found, row, result)
            given.keep(found)
    return found


def add(found: Findings, row: Row, result: dict[str, Any] | None) -> None:
    """Add what a part has come to."""
    found.rows.append(row)
    if result:
        found.parts[str(row["variant"])] = result
    if row["verdict"] not in FINE:
        found.wrong.append(f"{row['variant']} {row['verdict']}: {row['said']}")


def made(name: str, given: Conditions, limit: float, folder: Path) -> tuple[Row, dict[str, Any] | None]:
    """Make one part within `limit` seconds; what it leaves lying about is in `folder`."""
    out, start = folder / f"{name}.json", monotonic()
    words = [sys.executable, "-m", "lets", "bench", name, "--device", given.device, "--out", str(out)]
    words += ["--threads", str(given.threads), *(["--quick"] if given.quick else [])]
    code, last = ended(words, limit, folder)
    result = json.loads(out.read_text()) if out.is_file() else None
    row: Row = {
        "variant": name,
        "verdict": verdict(code, result),
        "seconds": rounded(monotonic() - start),
        "rows": len(result["variants"]) if result else 0,
        "said": words_of(result) if result and code in (0, 1, None) else last,
    }
    return row, result


def words_of(result: dict[str, Any]) -> str:
    """What is wrong with a result; or how many of its times are not to be trusted."""
    shaky = len(result["doubts"]) - len(result["wrong"])
    return "; ".join(result["wrong"]) or (f"{shaky} rows: shaky times" if shaky else "")


def verdict(code: int | None, result: dict[str, Any] | None) -> str:
    """What the exit code of a part (None: killed at its limit) and its result say; see `HOW`."""
    if code not in (0, 1, None) or (result is None and code is not None):
        return "failed"
    if result and result["wrong"]:
        return "differs"
    if code is None:
        return "cut short" if result and result["controls"] else "unfinished"
    return "agrees"


def ended(words: list[str], limit: float, folder: Path) -> tuple[int | None, str]:
    """Run a command with all that it starts; return its exit code, None if it was killed, and its last line."""
    log = folder / "log"
    variables = environment(ROOT, TMPDIR=str(folder))
    with log.open("w") as lines:
        process = subprocess.Popen(
            words, cwd=ROOT, env=variables, stdout=lines, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    log_lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return code, (log_lines or ["it said nothing"])[-1]


def _late(name: str) -> Row:
    return {"variant": name, "verdict": "unfinished", "seconds": 0.0, "rows": 0, "said": "no time was left"}
