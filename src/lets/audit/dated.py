"""The dated receipt: who audited what, when, at which commit, on which machine, and what came of it."""

import getpass
import platform
import subprocess
from datetime import UTC, datetime

from lets.audit.audit import Audit
from lets.audit.receipt import receipt
from lets.audit.text import drawn_line, fact_lines, next_line, verdict_lines
from lets.files import sha256_bytes
from lets.runs.provenance import cpu_name, image, packages

EVIDENCE = 12  # runs named per check; audit.json has them all


def dated_receipt(audit: Audit) -> str:
    """Return Markdown to keep or to send; audit.json, whose sha256 it names, has the details but no date."""
    lines = [f"# Receipt: audit of {audit.profile}, {audit.title}", ""]
    lines += [f"- {name}: {value}" for name, value in _facts(audit).items()]
    lines += ["", "## What stands", "", *verdict_lines(audit), ""]
    lines += [*fact_lines(audit), "", "## Layers", "", *(_layers(audit)), ""]
    lines += ["## Computed again", "", drawn_line(audit), "", *_evidence(audit), ""]
    if audit.warnings:
        lines += ["## Warnings", "", *(f"- {warning}" for warning in audit.warnings), ""]
    lines += [next_line(audit)]
    return "\n".join(lines) + "\n"


def _facts(audit: Audit) -> dict[str, str]:
    versions = ", ".join(f"{name} {version}" for name, version in packages().items())
    container = image()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": f"{getpass.getuser()} on {platform.node()}: {cpu_name()}, {platform.platform()}",
        "commit": _commit(),
        "params": audit.params,
        "code that trains": f"`{audit.code}`",
        "packages": versions,
        "image": f"`{container}`" if container else "none",
        "sha256 of audit.json": f"`{sha256_bytes(receipt(audit).encode())}`",
    }


def _commit() -> str:
    """The commit that is checked out here, and whether files differ from it."""
    if not (commit := _git("rev-parse", "HEAD")):
        return "none: not a git repository"
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return f"`{commit}`" + (f", but {len(changed.splitlines())} of its files are changed" if changed else "")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _layers(audit: Audit) -> list[str]:
    lines = []
    for layer in audit.layers:
        stands = f"{len(layer.unchecked)} cannot be checked here" if layer.unchecked else "stands"
        found = f"{len(layer.failures)} failed" if layer.failures else stands
        lines.append(f"- {layer.name}: {found}; {layer.error.proves}")
        lines += [f"  - {check.about}: {check.examined}" for check in layer.checks]
    return lines


def _evidence(audit: Audit) -> list[str]:
    lines = []
    for check in audit.checks:
        if check.confirmed:
            names = sorted(check.confirmed)
            more = f" and {len(names) - EVIDENCE} more" if len(names) > EVIDENCE else ""
            lines.append(f"- {check.about}, {len(names)}: {', '.join(names[:EVIDENCE])}{more}")
    return lines or ["- nothing"]
