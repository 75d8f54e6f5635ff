"""audit.json: the audit for machines."""

from pathlib import Path
from typing import Any

from lets.audit.audit import Audit
from lets.audit.findings import Finding
from lets.audit.layers import Layer
from lets.audit.text import audit_text
from lets.commands import plain
from lets.config.paths import Layout
from lets.files import json_text, write_text


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
        "drawn_from": {"content": audit.content, "salt": audit.draw.salt},
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
            {"cell": one.printed.name, "verdict": one.verdict.value, "runs": list(one.printed.runs)}
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
