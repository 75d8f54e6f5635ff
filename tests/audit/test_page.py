"""The page shows the verdicts of the audit, of the very numbers it shows, and no others."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lets.cli.main import app


def command() -> int:
    """`lets audit`, its exit code."""
    return CliRunner().invoke(app, ["audit", "--params", "params/test.yaml", "--weights", "0"]).exit_code


def audited(page: Path) -> Any:
    """What the page says of the audit."""
    (text,) = re.findall(r'<script type="application/json" id="audit-data">(.*?)</script>', page.read_text())
    return json.loads(text)


def test_the_audit_writes_its_verdicts_into_the_page(project: Any) -> None:
    assert audited(project.layout.page) is None
    assert command() == 0
    told, receipt = audited(project.layout.page), json.loads(project.layout.audit.read_text())
    assert told["passed"]
    assert told["cells"] == receipt["cells"]
    first = project.layout.page.read_bytes(), project.layout.audit.read_bytes()
    assert command() == 0  # it accepts what it wrote, and writes it again
    assert (project.layout.page.read_bytes(), project.layout.audit.read_bytes()) == first


def test_a_page_is_made_by_the_audit_if_there_is_none(project: Any) -> None:
    project.layout.page.unlink()
    assert command() == 0
    assert audited(project.layout.page)["passed"]


def test_verdicts_that_no_audit_gave_are_caught(project: Any, edit: Any) -> None:
    assert command() == 0
    edit(project.layout.page, '{"passed":true', '{"passed":null')
    (failure,) = project.audit().failures
    assert failure.subject == str(project.layout.page)


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"failures": 1}'])
def test_verdicts_of_a_damaged_receipt_are_no_verdicts(project: Any, damage: str) -> None:
    assert command() == 0
    project.layout.audit.write_text(damage)
    (failure,) = project.audit().failures
    assert failure.subject == str(project.layout.page)


def test_a_failed_audit_is_shown_too(project: Any, edit: Any) -> None:
    assert command() == 0
    run = project.run("sam", 1)
    edit(project.path(run, "metrics.json"), '"test_accuracy": 8', '"test_accuracy": 9')
    assert command() != 0
    told = audited(project.layout.page)
    assert not told["passed"]
    assert run in {failure["run"] for failure in told["failures"]}
    assert told["next"].startswith("rm -r ")


def test_without_a_drawing_the_audit_still_ends(project: Any) -> None:
    """The page needs every drawing; that one is missing is among the findings."""
    project.layout.figure("figure2", "svg").unlink()
    before = project.layout.page.read_bytes()
    assert command() != 0
    assert project.layout.page.read_bytes() == before
    assert "not drawn yet" in project.layout.audit_text.read_text()
