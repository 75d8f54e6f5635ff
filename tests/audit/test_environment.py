"""Packages and machines that made the runs: what differs is told, and fails nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from lets.audit.audit import Audit
from lets.files import write_json

LOCK = """\
# made by uv
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:00
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:01
torch==2.14.1 \\
    --hash=sha256:02
"""


def provenance(project: Any, run: str, **changed: Any) -> None:
    path = project.path(run, "provenance.json")
    write_json(path, json.loads(path.read_text()) | changed)


def warnings(audit: Audit, check: str) -> tuple[str, ...]:
    (found,) = (one for one in audit.checks if one.name == check)
    assert found.failures == ()
    return found.warnings


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"torch": "2.14.1", "numpy": "2.4.6", "python": "3.11.7"}, ()),
        ({"torch": "2.14.1+cu128", "numpy": "2.5.5", "python": "3.12.1"}, ()),
        (
            {"torch": "2.11.0", "numpy": "1.0"},
            (
                "18 runs were made with numpy 1.0, requirements.lock has 2.4.6 or 2.5.5",
                "18 runs were made with torch 2.11.0, requirements.lock has 2.14.1",
            ),
        ),
    ],
)
def test_packages_against_the_lock(project: Any, made: dict[str, str], told: tuple[str, ...]) -> None:
    Path("requirements.lock").write_text(LOCK)
    for run in project.matrix.runs:
        provenance(project, run, packages=made)
    assert warnings(project.audit(), "packages") == told


def test_packages_among_each_other(project: Any) -> None:
    provenance(project, project.run("sam", 1), packages={"torch": "2.11.0"})
    told = "the runs were made with 2 versions of torch: 17 with 2, 1 with 2.11.0"
    assert warnings(project.audit(), "packages") == (told,)


def test_machines(project: Any) -> None:
    assert warnings(project.audit(), "machines") == ()
    provenance(project, project.run("sam", 1), machine={"device": "H100", "cpu": "another", "threads": 1})
    audit = project.audit()
    told = "the runs were made on 2 kinds of machine: 1 on H100, 17 on invented"
    assert warnings(audit, "machines") == (told,)
    assert told in audit.warnings
