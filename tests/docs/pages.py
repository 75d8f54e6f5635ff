"""What every page of documentation is held to."""

import csv
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def commands(page: str) -> list[str]:
    """The commands that a page shows in its shell blocks."""
    lines = [
        line for block in re.findall(r"```(?:bash|sh)\n(.*?)```", page, re.S) for line in block.splitlines()
    ]
    return [command for line in lines if (command := line.split("#")[0].strip())]


def shown(page: str, name: str) -> str:
    """What a page shows of a report's file."""
    return page.split(f"<!-- {name} -->")[1].split("<!-- end -->")[0].strip()


def rows(name: str) -> list[dict[str, str]]:
    """The lines of a report's csv file."""
    with (ROOT / "reference/reports" / name).open() as lines:
        return list(csv.DictReader(lines))


def parses(command: str) -> bool:
    """Whether `lets` knows the verb and every option of a command."""
    words = command.split()[1:]
    verbs = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
    text = _help(*(verbs if verbs[0] in ("data", "analyse") else verbs[:1]))
    return all(option in text for option in re.findall(r"--[a-z-]+", command))


@cache
def _help(*verb: str) -> str:
    command = [sys.executable, "-m", "lets", *verb, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
