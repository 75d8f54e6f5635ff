"""runs.csv holds every run once, finished or not, and reads back to the numbers of the records."""

import csv
from io import StringIO

from tests.golden.factory import Project

from lets.page.summaries import runs_text
from lets.runs import RunRecord


def test_every_run_is_there_with_its_numbers(figures: Project) -> None:
    rows = list(csv.DictReader(StringIO(runs_text(figures.now))))
    assert [row["id"] for row in rows] == list(figures.matrix.runs)
    assert {row["status"] for row in rows} >= {"finished", "diverged"}
    for row in rows:
        if row["status"] == "finished":
            metrics = RunRecord.at(figures.layout, row["id"]).metrics
            assert float(row["test_accuracy"]) == metrics.test_accuracy
            assert float(row["test_loss"]) == metrics.test_loss
        else:
            assert row["test_accuracy"] == ""
