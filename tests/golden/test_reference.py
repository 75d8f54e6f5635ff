"""What `reference/` says of records that git holds too is what this code makes of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lets.claims.document import claims_texts
from lets.project import Project
from lets.tables.render import LINES

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "reference/reports/cifar-small"


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(ROOT)
    return Project.load(Path("params/cifar-small.yaml"))


def texts(project: Project) -> Iterator[tuple[str, str]]:
    for name in project.params.tables:
        for suffix, lines in LINES.items():
            text = "".join(f"{line}\n" for line, _ in lines(project.table(name)))
            yield f"tables/{name}.{suffix}", text
    for name in project.params.figures:
        yield f"figures/{name}.csv", project.numbers(name).csv().text()
    for path, text in claims_texts(project).items():
        yield path.name, text


def test_tables_numbers_and_claims(project: Project) -> None:
    found = dict(texts(project))
    assert len(found) > 10
    assert [name for name, text in found.items() if (REFERENCE / name).read_text() != text] == []
