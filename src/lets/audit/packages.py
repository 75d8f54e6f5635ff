"""Check: the packages that runs were made with, against the lock file and each other; differences are warnings."""

import re
from collections import Counter
from pathlib import Path

from lets.audit.case import Case
from lets.audit.findings import Check

LOCK = Path("requirements.lock")
PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def check_packages(case: Case) -> Check:
    """Warn when runs were made with versions that are not locked, or with different ones among each other."""
    made = Counter(version for record in case.complete() for version in record.provenance.packages.items())
    runs = len(case.complete())
    lock = case.layout.root / LOCK
    warnings = [*_mixed(made)]
    if lock.is_file():
        warnings += _unlocked(made, _locked(lock.read_text()))
    return Check("packages", f"versions that made the runs, against {LOCK}", runs, (), tuple(warnings))


def _locked(text: str) -> dict[str, set[str]]:
    """Every version of a package that the lock names: it may name one per version of Python."""
    found: dict[str, set[str]] = {}
    for name, version in PINNED.findall(text):
        found.setdefault(name, set()).add(version)
    return found


def _mixed(made: Counter[tuple[str, str]]) -> list[str]:
    versions: dict[str, list[str]] = {}
    for name, version in sorted(made):
        versions.setdefault(name, []).append(f"{made[name, version]} with {version}")
    return [
        f"the runs were made with {len(found)} versions of {name}: {', '.join(found)}"
        for name, found in versions.items()
        if len(found) > 1
    ]


def _unlocked(made: Counter[tuple[str, str]], locked: dict[str, set[str]]) -> list[str]:
    """A build's name, as in 2.11.0+cu128, is not part of what is locked."""
    return [
        f"{count} runs were made with {name} {version}, {LOCK} has {' or '.join(sorted(locked[name]))}"
        for (name, version), count in sorted(made.items())
        if name in locked and version.partition("+")[0] not in locked[name]
    ]
