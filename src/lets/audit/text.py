"""audit.md: the audit for people."""

import re
from collections.abc import Iterator

from lets.audit.audit import Audit
from lets.audit.findings import Check, Finding
from lets.audit.layers import Layer
from lets.audit.verdicts import Verdict
from lets.commands import plain

SHOWN = 30  # failures printed per check; audit.json has them all
CELLS = 4  # cells named per failure


def audit_text(audit: Audit) -> str:
    """Return headline, checks, verdicts, failures and the one command to run next."""
    lines = [f"# Audit of {audit.profile}: {'PASS' if audit.passed else 'FAIL'}", "", *_checks(audit), ""]
    lines += [*verdict_lines(audit), "", drawn_line(audit), "", *fact_lines(audit), ""]
    for layer in audit.layers:
        for check in layer.checks:
            lines += _failures(layer, check)
    if audit.warnings:
        lines += ["## Warnings", "", *(f"- {warning}" for warning in audit.warnings), ""]
    lines += [next_line(audit)]
    return "\n".join(lines) + "\n"


def fact_lines(audit: Audit) -> Iterator[str]:
    """Yield the files that runs and reports were held against, with their digests."""
    yield from ("What runs and reports were held against, by its SHA-256:", "")
    yield from (f"- {code(plain(name))}: `{digest}`" for name, digest in audit.facts.items())


def next_line(audit: Audit) -> str:
    """Return the last line: the command to run next."""
    return f"Next: {audit.next if audit.passed else code(audit.next)}"


def code(text: str) -> str:
    """Return a text as code in Markdown, fenced by more backticks than stand in it."""
    runs = re.findall("`+", text)
    if not runs:
        return f"`{text}`"
    fence = "`" * (max(map(len, runs)) + 1)
    return f"{fence} {text} {fence}"


def verdict_lines(audit: Audit) -> Iterator[str]:
    """Yield the printed places by verdict, then the tables, figures and documents of each verdict."""
    counts = audit.verdicts
    places = ", ".join(f"{counts[verdict]} {verdict}" for verdict in reversed(Verdict) if counts[verdict])
    yield from (f"Printed places: {places or 'none'}. Tables, figures and documents:", "")
    for verdict in reversed(Verdict):
        if names := [name for name, found in audit.judgement.items.items() if found is verdict]:
            yield f"- {verdict}: {', '.join(names)}"


def drawn_line(audit: Audit) -> str:
    """Return what the draw depended on."""
    salt = f" and the salt `{audit.draw.salt}`" if audit.draw.salt else ""
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


def _failures(layer: Layer, check: Check) -> Iterator[str]:
    if not check.failures:
        return
    yield from (f"## {layer.name}, {check.name}: {len(check.failures)} failed", "")
    for finding in check.failures[:SHOWN]:
        yield from _failure(finding)
    if len(check.failures) > SHOWN:
        yield f"- … and {len(check.failures) - SHOWN} more: see audit.json"
    yield ""


def _failure(finding: Finding) -> Iterator[str]:
    yield f"- **{plain(finding.subject)}**: {plain(finding.reason)}"
    if finding.cells:
        rest = f" and {len(finding.cells) - CELLS} more" if len(finding.cells) > CELLS else ""
        yield f"  - cells: {'; '.join(finding.cells[:CELLS])}{rest}"
    yield f"  - run next: {code(finding.command)}"
