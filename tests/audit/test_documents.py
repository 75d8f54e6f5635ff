"""Documents that a report writes: one that is gone is missing, as a table or picture is, unless none was written."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.audit.found import reasons
from typer.testing import CliRunner

from lets.audit.layers import CellsAuditError
from lets.cli.main import app

DOCUMENTS = ("claims.md", "claims.csv", "summary.json", "runs.csv")
MAKE = "snakemake --cores all --configfile params/test.yaml"


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "mine").write_text("dear to me")


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_is_gone(project: Any, name: str) -> None:
    (project.layout.reports / name).unlink()
    audit = project.audit()
    assert isinstance(audit.error, CellsAuditError)
    assert reasons(audit) == {"cells": ["not made yet"]}
    assert audit.next == MAKE
    assert str(audit.judgement.items[name]) == "missing"
    project.report()
    assert project.audit().passed


@pytest.mark.parametrize("instead", [folder, dangling])
@pytest.mark.parametrize("name", [*DOCUMENTS, "index.html", "tables/table1.md", "figures/figure2.png"])
def test_what_is_in_the_place_of_a_file(project: Any, name: str, instead: Callable[[Path], None]) -> None:
    """It is moved out of the way, or nothing could be made there."""
    path = project.layout.reports / name
    instead(path)
    audit = project.audit()
    (failure,) = audit.failures
    assert failure.subject == str(path)
    if name != "index.html":  # the audit makes that one itself, and has no verdict on it
        assert str(audit.judgement.items[path.stem if "/" in name else name]) == "missing"
    *steps, last = failure.command.split(" && ")
    assert last == MAKE
    subprocess.run(" && ".join(steps), shell=True, check=True)
    project.report()
    assert project.audit().passed
    assert len([*Path("work").rglob("mine")]) == (instead is folder)


def test_where_tables_and_figures_alone_were_made_no_document_is_missing(project: Any) -> None:
    for name in (*DOCUMENTS, "index.html"):
        (project.layout.reports / name).unlink()
    for _ in range(2):  # the first audit makes a page
        done = CliRunner().invoke(app, ["audit", "--params", "params/test.yaml", "--weights", "0"])
        assert done.exit_code == 0
    assert project.layout.page.is_file()


def test_without_its_runs_a_document_cannot_be_made(project: Any) -> None:
    project.layout.claims.unlink()
    shutil.rmtree("results")
    audit = project.audit()
    assert audit.failures == ()
    assert str(project.layout.claims) in {one.subject for one in audit.unchecked}
