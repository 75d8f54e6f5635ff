"""What is absent is not different: it cannot be checked here, and the receipt of a complete audit stays."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lets.audit.layers import IncompleteAuditError, MatrixAuditError
from lets.cli.main import app

ARGUMENTS = ["audit", "--params", "params/test.yaml", "--weights", "0"]


def audit(project: Any) -> tuple[Any, dict[str, Any]]:
    """Audit by the command line after a complete one; return how it ended, and what it wrote to work/."""
    complete = project.layout.audit.read_bytes(), project.layout.page.read_bytes()
    done = CliRunner().invoke(app, ARGUMENTS)
    assert (project.layout.audit.read_bytes(), project.layout.page.read_bytes()) == complete
    assert f"this audit is in {project.layout.incomplete_audit.parent}" in done.stderr
    return done, json.loads(project.layout.incomplete_audit.read_text())


@pytest.fixture
def audited(project: Any) -> Any:
    assert CliRunner().invoke(app, ARGUMENTS).exit_code == 0
    return project


def test_a_clone_without_data(audited: Any) -> None:
    shutil.rmtree("data")
    done, found = audit(audited)
    assert isinstance(done.exception, IncompleteAuditError)
    assert done.stdout.startswith("# Audit of test: INCOMPLETE")
    assert (found["passed"], found["exit_code"], found["failures"]) == (False, 16, [])
    assert found["verdicts"] == {"executed but unverified": 14}
    assert {one["command"] for one in found["unchecked"]} == {"lets data prepare digits --download"}


@pytest.mark.parametrize("data", [False, True])
def test_a_clone_without_runs(audited: Any, data: bool) -> None:
    shutil.rmtree("results")
    if not data:
        shutil.rmtree("data")
    done, found = audit(audited)
    assert isinstance(done.exception, IncompleteAuditError)
    assert (found["failures"], found["verdicts"]) == ([], {"missing": 14})
    assert set(found["items"].values()) == {"missing"}
    assert "lets pull" in found["unchecked"][-1 if data else 1]["reason"] or "lets pull" in str(
        found["unchecked"]
    )
    make = "snakemake --cores all --configfile params/test.yaml"
    assert found["next"] == (make if data else f"lets data prepare digits --download && {make}")


def test_records_whose_tables_were_never_made(project: Any) -> None:
    """As in a clone that holds records alone; where some tables are there, one that is not is a failure."""
    shutil.rmtree(project.layout.reports)
    done = CliRunner().invoke(app, ARGUMENTS)
    found = json.loads(project.layout.incomplete_audit.read_text())
    assert isinstance(done.exception, IncompleteAuditError)
    assert (found["failures"], found["verdicts"]) == ([], {"missing": 14})
    assert found["next"] == "snakemake --cores all --configfile params/test.yaml"


def test_one_table_that_is_missing_is_a_failure(audited: Any) -> None:
    audited.layout.table("table1", "md").unlink()
    assert {one.subject for one in audited.audit().failures} == {str(audited.layout.table("table1", "md"))}


def test_labels_that_are_absent_and_labels_that_are_others(audited: Any) -> None:
    labels = audited.layout.labels("digits", "symmetric-40")
    whole = labels.read_bytes()
    labels.unlink()
    _, found = audit(audited)
    assert [one["command"] for one in found["unchecked"]] == ["lets data noise digits symmetric-40"]
    labels.write_bytes(whole[:-1])
    assert [one.subject for one in audited.audit().failures] == [str(labels)]


def test_one_run_that_is_missing_is_a_failure(audited: Any) -> None:
    """And what is printed of it is not called different."""
    shutil.rmtree(audited.layout.run(audited.run("sam")))
    done, found = audit(audited)
    assert isinstance(done.exception, MatrixAuditError)
    assert {one["check"] for one in found["failures"]} == {"matrix"}
    assert "mismatch" not in {*found["verdicts"], *found["items"].values()}


def test_data_that_are_damaged_are_a_failure(audited: Any) -> None:
    path: Path = audited.layout.arrays("digits")
    path.write_bytes(path.read_bytes()[:1000])
    assert [one.subject for one in audited.audit().failures] == [str(path)]
    assert CliRunner().invoke(app, ARGUMENTS).exit_code != 0
    assert (
        json.loads(audited.layout.audit.read_text())["passed"] is False
    )  # complete, and worse: it is written


def test_a_first_audit_without_data_makes_no_receipt(project: Any) -> None:
    shutil.rmtree("data")
    CliRunner().invoke(app, ARGUMENTS)
    assert not project.layout.audit.exists()
    assert project.layout.incomplete_audit.is_file()
