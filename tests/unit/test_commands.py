"""Printed commands mean in a shell what was meant, whatever a name holds; bash itself is asked."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lets.commands import command, plain

NAMES = [
    "plain/run-1.yaml",
    "x /home/me",
    "it's",
    'say "so"',
    "a; touch hacked",
    "$(touch hacked)",
    "`touch hacked`",
    "two\nlines",
    "\x1b[2Ksomething else",
    "back\\slash\tand tab",
    "*?[a-z]",
    "~/data",
    "# no comment",
    "zürich · π",
    "right\u202eto left",
    os.fsdecode(b"no \xff utf-8"),
    "",
]
BASH = shutil.which("bash")


@pytest.mark.parametrize("name", NAMES)
def test_bash_reads_back_what_was_meant(name: str, tmp_path: Path) -> None:
    line = command("printf", r"%s\0", name, Path("-n") / name, "end")
    assert line.isprintable()
    assert BASH
    done = subprocess.run([BASH, "-c", line], cwd=tmp_path, capture_output=True, check=True)
    assert [os.fsdecode(word) for word in done.stdout.split(b"\0")] == [
        name,
        f"./{Path('-n') / name}",
        "end",
        "",
    ]
    assert not any(tmp_path.iterdir())


def test_a_surrogate_that_is_no_byte_is_no_traceback() -> None:
    assert command("rm", "\ud800") == r"rm $'\xed\xa0\x80'"


def test_a_message_stays_on_its_line() -> None:
    told = plain("lost:\n\x1b[31mzürich \udcff – “π”")
    assert told == r"lost:\n\x1b[31mzürich \udcff – “π”"


def test_deleting_is_advised_for_damaged_runs_alone() -> None:
    """Wherever else a message names `rm`, somebody pastes it one day.

    Those of findings.py and files.py are links: one that was just copied, one that leads back to itself.
    """
    source = Path(__file__).parents[2] / "src" / "lets"
    found = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.suffix in (".py", ".j2", ".js") and re.search(r"\brm -|\"rm\"|'rm'", path.read_text())
    }
    assert found <= {"audit/findings.py", "cli/engines.py", "files.py"}
