"""The audit as it is written: audit.json for machines, audit.md for people, and a dated receipt to keep or to send.

audit.json and audit.md have no date; the receipt says who audited what, when, at which commit, on which machine.
"""

import getpass
import platform
import re
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lets.audit.audit import Audit
from lets.audit.findings import Finding
from lets.audit.layers import Layer
from lets.audit.verdicts import Verdict
from lets.commands import plain
from lets.config.paths import Layout
from lets.files import json_text, sha256_bytes, write_text
from lets.runs.provenance import cpu_name, image, packages

SHOWN = 30  # failures printed per check; audit.json has them all
CELLS = 4  # cells named per failure
EVIDENCE = 12  # runs named per check of the receipt; audit.json has them all


def receipt(audit: Audit) -> str:
    """Return the audit as JSON: the same bytes for the same tree, whoever runs it."""
    content = {
        "profile": audit.profile,
        "params": audit.params,
        "facts": audit.facts,
        "passed": audit.passed,
        "exit_code": audit.error.exit_code if audit.error else 0,
        "next": audit.next,
        "verdicts": {verdict.value: count for verdict, count in sorted(audit.verdicts.items())},
        "items": {name: verdict.value for name, verdict in audit.judgement.items.items()},
        "drawn_from": {"content": audit.content, "salt": audit.sample.salt},
        "layers": [_layer(layer) for layer in audit.layers],
        "failures": [
            {"layer": layer.name, "check": check.name, **_finding(one)}
            for layer in audit.layers
            for check in layer.checks
            for one in check.failures
        ],
        **({"unchecked": [_finding(one) for one in audit.unchecked]} if audit.unchecked else {}),
        "warnings": list(audit.warnings),
        "cells": [
            {"cell": one.cell.name, "verdict": one.verdict.value, "runs": list(one.cell.runs)}
            for one in audit.judged
        ],
    }
    return json_text(content)


def write_receipt(audit: Audit, layout: Layout) -> Path:
    """Write audit.json and audit.md into the reports, or into work/ if the audit is not complete; return the folder."""
    folder = (layout.audit if audit.complete else layout.incomplete_audit).parent
    write_text(folder / layout.audit.name, receipt(audit))
    write_text(folder / layout.audit_text.name, audit_text(audit))
    return folder


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "exit_code": layer.error.exit_code,
        "proves": layer.error.proves,
        "passed": not layer.failures,
        "checks": [
            {
                "name": check.name,
                "about": check.about,
                "examined": check.examined,
                "failed": len(check.failures),
                "confirmed": sorted(check.confirmed),
            }
            for check in layer.checks
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "subject": plain(finding.subject),
        "run": finding.run or None,
        "cells": list(finding.cells),
        "reason": plain(finding.reason),
        "command": finding.command,
    }


def audit_text(audit: Audit) -> str:
    """Return headline, checks, verdicts, failures and the one command to run next."""
    lines = [f"# Audit of {audit.profile}: {audit.title}", "", *_checks(audit), ""]
    lines += [*_verdict_lines(audit), "", _sample_line(audit), "", *_fact_lines(audit), ""]
    for layer in audit.layers:
        for check in layer.checks:
            title = f"{layer.name}, {check.name}: {len(check.failures)} failed"
            lines += _listed(title, check.failures)
    lines += _listed(f"Cannot be checked here: {len(audit.unchecked)}", audit.unchecked)
    if audit.warnings:
        lines += ["## Warnings", "", *(f"- {warning}" for warning in audit.warnings), ""]
    lines += [_next_line(audit)]
    return "\n".join(lines) + "\n"


def _fact_lines(audit: Audit) -> Iterator[str]:
    """Yield the files that runs and reports were held against, with their digests."""
    yield from ("What runs and reports were held against, by its SHA-256:", "")
    yield from (f"- {_quoted(plain(name))}: `{digest}`" for name, digest in audit.facts.items())


def _next_line(audit: Audit) -> str:
    """Return the last line: the command to run next."""
    return f"Next: {audit.next if audit.passed else _quoted(audit.next)}"


def _quoted(text: str) -> str:
    """Return a text as code in Markdown, fenced by more backticks than stand in it."""
    runs = re.findall("`+", text)
    if not runs:
        return f"`{text}`"
    fence = "`" * (max(map(len, runs)) + 1)
    return f"{fence} {text} {fence}"


def _verdict_lines(audit: Audit) -> Iterator[str]:
    """Yield the printed cells by verdict, then the tables, figures and documents of each verdict."""
    counts = audit.verdicts
    cells = ", ".join(f"{counts[verdict]} {verdict}" for verdict in reversed(Verdict) if counts[verdict])
    yield from (f"Printed places: {cells or 'none'}. Tables, figures and documents:", "")
    for verdict in reversed(Verdict):
        if names := [name for name, found in audit.judgement.items.items() if found is verdict]:
            yield f"- {verdict}: {', '.join(names)}"


def _sample_line(audit: Audit) -> str:
    """Return what the sample depended on."""
    salt = f" and the salt `{audit.sample.salt}`" if audit.sample.salt else ""
    return f"What was computed again was drawn from the content of all runs, `{audit.content[:16]}`{salt}."


def _checks(audit: Audit) -> Iterator[str]:
    rows = [("layer", "check", "what is compared", "examined", "failed")]
    for layer in audit.layers:
        for check in layer.checks:
            rows.append((layer.name, check.name, check.about, str(check.examined), str(len(check.failures))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for index, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
        cells += [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        yield f"| {' | '.join(cells)} |"
        if index == 0:
            rules = ["-" * width for width in widths[:3]] + ["-" * (width - 1) + ":" for width in widths[3:]]
            yield f"| {' | '.join(rules)} |"


def _listed(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield from (f"## {title}", "")
        for finding in findings[:SHOWN]:
            yield from _listed_finding(finding)
        if len(findings) > SHOWN:
            yield f"- … and {len(findings) - SHOWN} more: see audit.json"
        yield ""


def _listed_finding(finding: Finding) -> Iterator[str]:
    yield f"- **{plain(finding.subject)}**: {plain(finding.reason)}"
    if finding.cells:
        rest = f" and {len(finding.cells) - CELLS} more" if len(finding.cells) > CELLS else ""
        yield f"  - cells: {'; '.join(finding.cells[:CELLS])}{rest}"
    yield f"  - run next: {_quoted(finding.command)}"


def dated_receipt(audit: Audit) -> str:
    """Return Markdown to keep or to send; audit.json, whose sha256 it names, has the details but no date."""
    lines = [f"# Receipt: audit of {audit.profile}, {audit.title}", ""]
    lines += [f"- {name}: {value}" for name, value in _facts(audit).items()]
    lines += ["", "## What stands", "", *_verdict_lines(audit), ""]
    lines += [*_fact_lines(audit), "", "## Layers", "", *(_layers(audit)), ""]
    lines += ["## Computed again", "", _sample_line(audit), "", *_evidence(audit), ""]
    if audit.warnings:
        lines += ["## Warnings", "", *(f"- {warning}" for warning in audit.warnings), ""]
    lines += [_next_line(audit)]
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
