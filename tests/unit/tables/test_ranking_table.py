"""A ranking table as it is printed."""

import csv
import io
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.page.page import render_page
from lets.tables.render import render

ITEM = {"kind": "ranking", "title": "Ranks", "experiments": ["clean", "noise"]}
CLEAN = {
    "datasets": ["digits"],
    "architectures": ["resnet-small", "vit-small"],
    "methods": ["sam", "erm", "asam"],
}
NOISE = {**CLEAN, "architectures": ["resnet-small"], "noise": ["symmetric-40"], "methods": ["sam", "asam"]}
ACCURACY = {"sam": 92.0, "erm": 90.0, "asam": 92.5}


def made(root: Path, **item: object) -> Project:
    project = Project(root, experiments={"clean": CLEAN, "noise": NOISE}, tables={"ranks": {**ITEM, **item}})
    for run in project.matrix.runs.values():
        project.finish(run, ACCURACY[run.method] + run.seed, gap=0.25)
    return project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Of two seeds, as many as are enough here: their resamples can be counted by hand."""
    monkeypatch.setattr("lets.tables.ranking.ENOUGH", 2)
    return made(tmp_path)


def rendered(project: Project) -> dict[str, str]:
    return render(project.now.table("ranks"))


def test_a_row_per_method_from_the_best_to_the_worst(project: Project) -> None:
    """ASAM wins three comparisons of four with SAM: 92.5 and 93.5 with 92 and 93. ERM wins none.

    Resampled, that is 0 in 1 of 16 cases and ½ in 4: the mean of two settings is 0 in 1 of 256, ¼ in 8 of 256.
    """
    assert rendered(project)["md"].splitlines()[2:7] == [
        "| Method | Average rank | Test accuracy (%) | P(improves on SAM) |",
        "| :-- | --: | --: | --: |",
        "| ASAM | **1.00** | 93.00 | 0.75 (0.25 to 1.00) |",
        "| SAM | 2.00 | 92.50 | reference |",
        "| ERM | 3.00 | 90.50 | 0.00 (0.00 to 0.00) |",
    ]


def test_of_two_seeds_what_decides_nothing_stands_in_the_csv_alone(tmp_path: Path) -> None:
    text = rendered(made(tmp_path))
    assert "| Method | Average rank | Test accuracy (%) |" in text["md"].splitlines()
    assert "critical distance" not in text["md"]
    first = next(csv.DictReader(io.StringIO(text["csv"])))
    assert (first["improvement"], float(first["nemenyi_distance"])) == (
        "0.75",
        pytest.approx(2.343, abs=1e-3),
    )


def test_the_notes_have_the_tests_and_what_was_left_out(project: Project) -> None:
    text = rendered(project)["md"]
    assert (
        "- Over 2 settings in which all 3 methods have all their runs: ResNet (small) on Digits; "
        "ViT (small) on Digits.\n"
    ) in text
    assert "- Left out: ResNet (small) on Digits, 40 % noise (without all runs of ERM).\n" in text
    assert "Friedman's test: χ² = 4.00 with 2 degrees of freedom, p = 0.135." in text  # e^-2
    assert "critical distance at the 5 % level: 2.34; methods" in text  # 2.343 √(3·4/12)


def test_missing_runs_are_named(project: Project) -> None:
    run = project.run(method="erm", seed=1, architecture="vit-small")
    project.layout.run_file(run.id, "metrics.json").unlink()
    text = rendered(project)["md"]
    assert "- Over 1 setting in which all 3 methods have all their runs: ResNet (small) on Digits.\n" in text
    assert "ViT (small) on Digits (without all runs of ERM)" in text
    assert f"- Interrupted: 1 run: {run.id}.\n" in text
    assert "Friedman's test needs two settings" in text


def test_without_a_setting_there_are_no_numbers(tmp_path: Path) -> None:
    text = rendered(made(tmp_path, where={"noise": ["symmetric-40"]}))["md"]
    assert "| ASAM | **1.00** |" in text
    project = Project(tmp_path / "none", experiments={"clean": CLEAN, "noise": NOISE}, tables={"ranks": ITEM})
    text = rendered(project)["md"]
    assert text.count("| — | — |\n") == 3
    assert "- Over 0 settings in which all 3 methods have all their runs.\n" in text
    assert "- Left out: ResNet (small) on Digits (without all runs of any method); ViT" in text
    assert "nan" not in text


def test_the_csv_has_every_number(project: Project) -> None:
    first, second, last = csv.DictReader(io.StringIO(rendered(project)["csv"]))
    assert (first["table"], first["method"], first["average_rank"], first["mean"]) == (
        "ranks",
        "asam",
        "1.0",
        "93.0",
    )
    assert (first["reference"], first["improvement"], first["settings"]) == ("sam", "0.75", "2")
    assert second["improvement"] == second["improvement_low"] == ""
    assert {(row["friedman"], row["friedman_p"]) for row in (first, second, last)} == {("4.0", "0.135335")}


def test_latex_is_ascii(project: Project) -> None:
    text = rendered(project)["tex"]
    assert text.isascii()
    assert r"ASAM & \textbf{1.00} & 93.00 &" in text
    assert r"$\chi$$^2$ = 4.00" in text


def test_the_page_has_the_table(project: Project) -> None:
    assert "P(improves on SAM)" in render_page(project.now)
