"""audit.md: the audit for people."""

from collections.abc import Iterator

from lets.audit.audit import Audit
from lets.audit.findings import Check, Finding
from lets.audit.verdicts import Verdict

SHOWN = 30  # failures printed per check; audit.json has them all
CELLS = 4  # cells named per failure


def audit_text(audit: Audit) -> str:
    """Return headline, checks, verdicts, failures and the one command to run next."""
    lines = [f"# Audit of {audit.profile}: {'PASS' if audit.passed else 'FAIL'}", "", *_checks(audit), ""]
    lines += [f"Printed places: {_verdicts(audit)}.", ""]
    for check in audit.checks:
        lines += _failures(check)
    if audit.warnings:
        lines += ["## Warnings", "", *(f"- {warning}" for warning in audit.warnings), ""]
    lines += [f"Next: `{audit.next}`" if not audit.passed else f"Next: {audit.next}"]
    return "\n".join(lines) + "\n"


def _checks(audit: Audit) -> Iterator[str]:
    rows = [
        (check.name, check.about, str(check.examined), str(len(check.failures))) for check in audit.checks
    ]
    rows.insert(0, ("check", "what is compared", "examined", "failed"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for index, (name, about, *counts) in enumerate(rows):
        numbers = [count.rjust(width) for count, width in zip(counts, widths[2:], strict=True)]
        yield f"| {' | '.join([name.ljust(widths[0]), about.ljust(widths[1]), *numbers])} |"
        if index == 0:
            rules = ["-" * widths[0], "-" * widths[1], *("-" * (width - 1) + ":" for width in widths[2:])]
            yield f"| {' | '.join(rules)} |"


def _verdicts(audit: Audit) -> str:
    counts = audit.verdicts
    return ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]) or "none"


def _failures(check: Check) -> Iterator[str]:
    if not check.failures:
        return
    yield from (f"## {check.name}: {len(check.failures)} failed", "")
    for finding in check.failures[:SHOWN]:
        yield from _failure(finding)
    if len(check.failures) > SHOWN:
        yield f"- … and {len(check.failures) - SHOWN} more: see audit.json"
    yield ""


def _failure(finding: Finding) -> Iterator[str]:
    yield f"- **{finding.subject}**: {finding.reason}"
    if finding.cells:
        rest = f" and {len(finding.cells) - CELLS} more" if len(finding.cells) > CELLS else ""
        yield f"  - cells: {'; '.join(finding.cells[:CELLS])}{rest}"
    yield f"  - run next: `{finding.command}`"
