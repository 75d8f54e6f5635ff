"""What a report is held against cannot change without a trace: the receipt has its digests, this file the paper's."""

import json
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lets.audit.audit import facts
from lets.audit.receipt import audit_text, dated_receipt, receipt
from lets.config.paths import Layout

ROOT = Path(__file__).parents[2]
PAPER = {
    "published.csv": "09891acb5b54d78fc9acb764b3e49b421b5ec7b74d3002a2a479e4c9ccb99846",
    "claims.yaml": "fcb7711832a2307872f0fcfdbfc52137f209065148297305b763a3117d843c92",
    "quoted.yaml": "c272163523e41ae474536645cc0104b2c7b35305f9c9f1e04847eddb86bd2e47",
}
"""read from the paper, and compared with it; whoever changes one of them has read it again"""


@pytest.mark.parametrize("name", PAPER)
def test_what_the_paper_says_is_what_was_read_from_it(name: str) -> None:
    assert sha256((ROOT / "params" / name).read_bytes()).hexdigest() == PAPER[name]


def test_receipts_name_every_file_by_its_digest(project: Any) -> None:
    audit = project.audit()
    names = ["params/test.yaml", "params/published.csv", "params/quoted.yaml", "params/claims.yaml"]
    for name in names:
        digest = sha256(Path(name).read_bytes()).hexdigest()
        assert json.loads(receipt(audit))["facts"][name] == digest
        for text in (audit_text(audit), dated_receipt(audit)):
            assert f"\n- `{name}`: `{digest}`\n" in text
    assert [*audit.facts] == [*names, "lets/data/datasets.yaml"]


@pytest.mark.parametrize(
    ("name", "there", "instead"),
    [
        ("published.csv", "96.81", "70.00"),
        ("claims.yaml", "winners: [", "winners: [erm, "),
        ("quoted.yaml", "\n", "\n# other\n"),
        ("test.yaml", "title: ", "title: other "),
    ],
)
def test_a_changed_fact_changes_the_receipt(project: Any, name: str, there: str, instead: str) -> None:
    file = Path("params") / name
    before = facts(project.file, project.now)
    assert there in file.read_text()
    file.write_bytes(file.read_bytes().replace(there.encode(), instead.encode(), 1))
    after = facts(project.file, project.now)
    assert {path for path in after if after[path] != before[path]} == {str(file)}


def test_facts_that_are_not_there_are_none(tmp_path: Path) -> None:
    project: Any = SimpleNamespace(layout=Layout("test", tmp_path), matrix=SimpleNamespace(runs={}))
    assert [*facts(tmp_path / "absent.yaml", project)] == ["lets/data/datasets.yaml"]
