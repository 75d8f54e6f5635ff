"""The dated receipt: written where it is asked for, it says when, who, where, what, and names audit.json."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from lets.cli.main import app

ARGUMENTS = ["audit", "--params", "params/test.yaml", "--weights", "0"]


def receipt(*words: str) -> str:
    CliRunner().invoke(app, [*ARGUMENTS, "--receipt", "kept/receipt.md", *words])
    return Path("kept/receipt.md").read_text()


def fact(text: str, name: str) -> str:
    found = re.search(rf"^- {name}: (.+)$", text, re.M)
    assert found, name
    return found[1]


def test_facts(project: Any) -> None:
    text = receipt("--salt", "dice")
    assert text.startswith("# Receipt: audit of test, PASS\n")
    age = datetime.now(UTC) - datetime.fromisoformat(fact(text, "date"))
    assert timedelta(0) <= age < timedelta(minutes=5)
    written = project.layout.audit.read_bytes()
    assert fact(text, "sha256 of audit.json") == f"`{sha256(written).hexdigest()}`"
    assert " on " in fact(text, "by")
    assert fact(text, "commit") == "none: not a git repository"
    assert "the salt `dice`" in text
    assert "- executed but unverified: table1, table4, figure1, figure2, claims.md, " in text
    assert "where the runs were made: 18 on invented" in text
    assert text.endswith("Next: nothing to do\n")


def test_the_commit_and_whether_files_differ_from_it(project: Any) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", *identity, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    git("add", "params")
    git("commit", "--quiet", "--message", "params")
    commit = git("rev-parse", "HEAD")
    assert fact(receipt(), "commit") == f"`{commit}`"
    published = Path("params/published.csv")
    published.write_text(published.read_text() + "\n")
    assert fact(receipt(), "commit") == f"`{commit}`, but 1 of its files are changed"


def test_a_failure(project: Any) -> None:
    project.layout.table("table1", "csv").write_text("")
    text = receipt()
    assert text.startswith("# Receipt: audit of test, FAIL\n")
    assert "- cells: 1 failed; " in text
    assert "- mismatch: table1, claims.md, claims.csv, summary.json, runs.csv\n" in text
    assert text.endswith(
        "Next: `snakemake --cores all --configfile params/test.yaml --forcerun reports/test/tables/table1.csv`\n"
    )


def test_audit_json_and_audit_md_do_not_know_of_it(project: Any) -> None:
    CliRunner().invoke(app, ARGUMENTS)
    before = project.layout.audit.read_bytes(), project.layout.audit_text.read_bytes()
    receipt()
    assert (project.layout.audit.read_bytes(), project.layout.audit_text.read_bytes()) == before
