"""An audit reads what a run has left once, however many checks look at it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lets.runs import record as records


def test_every_record_is_read_once(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read, counted = records.read_json, Counter[Path]()

    def count(path: Path) -> Any:
        counted[path] += 1
        return read(path)

    monkeypatch.setattr(records, "read_json", count)
    project.audit()
    assert {path.name for path in counted} == {"run.json", "metrics.json", "provenance.json"}
    assert len(counted) == 3 * len(project.matrix.runs)
    assert set(counted.values()) == {1}
