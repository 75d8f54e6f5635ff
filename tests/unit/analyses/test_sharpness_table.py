"""The numbers and the table of a sharpness analysis."""

import csv
import io
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.errors import RecordError
from lets.figures.figure import full_caption
from lets.page.page import render_page
from lets.tables.render import render

ITEM = {"kind": "sharpness", "title": "How sharp", "experiments": ["clean"]}
METHODS = ["sam", "lets-sam", "asam", "gsam", "rst"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two runs with measures; of the others one was not analysed, one diverged, one is missing."""
    grid = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": METHODS}
    made = Project(tmp_path, experiments={"clean": grid}, tables={"sharp": ITEM}, figures={"drawn": ITEM})
    for method in METHODS[:3]:
        made.finish(made.run(method=method, seed=0), 90.0)
    made.diverge(made.run(method="gsam", seed=0))
    made.sharpness(made.run(method="sam", seed=0))
    made.sharpness(made.run(method="lets-sam", seed=0), scale=0.5)
    made.sharpness(made.run(method="gsam", seed=0), diverged=True)
    return made


def rendered(project: Project) -> dict[str, str]:
    return render(project.now.table("sharp"))


def test_a_row_per_method(project: Project) -> None:
    printed = rendered(project)["md"].splitlines()
    assert printed[0] == "**How sharp**"
    assert (
        printed[2]
        == "| Method | λ₁ | λ₁/λ₅ | Trace | S(0.01) | S(0.02) | S(0.05) | S(0.1) | S(0.2) | S(0.5) |"
    )
    assert (
        printed[4]
        == "| SAM | 6.00 | 5.00 | 25.2 ± 1.5 | 0.00110 | 0.00240 | 0.00750 | 0.0200 | 0.0600 | 0.300 |"
    )
    assert printed[5].startswith("| LETS-SAM | 3.00 | 5.00 | 12.62 ± 0.75 | 0.000550 | ")
    assert printed[6] == f"| ASAM |{' — |' * 9}"
    assert printed[7] == f"| GSAM |{' diverged |' * 9}"
    assert printed[8] == f"| RST |{' — |' * 9}"


def test_what_is_missing_is_named(project: Project) -> None:
    text = rendered(project)["md"]
    assert "- Diverged: 1 run: digits/clean/resnet-small/gsam/seed-0-" in text
    assert "- Missing: 2 runs: digits/clean/resnet-small/asam/seed-0-" in text
    ids = [project.run(method=method, seed=0).id for method in ("sam", "lets-sam")]
    assert f"- First seed of each method: {', '.join(ids)}.\n" in text


def test_the_notes_say_what_was_measured_and_how_well(project: Project) -> None:
    text = rendered(project)["md"]
    assert "of the first 1024 training images" in text
    assert "by Lanczos in 35 iterations; |Hv - λv| is at most 5e-05 λ." in text
    assert "with 20 random vectors" in text
    assert "m-sharpness with m = 128" in text


def test_latex_is_ascii_and_has_its_columns(project: Project) -> None:
    text = rendered(project)["tex"]
    assert text.isascii()
    assert r"\begin{tabular}{lrrrrrrrrr}" in text
    assert r"Method & $\lambda$$_1$ & $\lambda$$_1$/$\lambda$$_5$ & Trace & S(0.01)" in text
    assert r"SAM & 6.00 & 5.00 & 25.2 $\pm$ 1.5 & 0.00110" in text


def test_the_csvs_have_every_number(project: Project) -> None:
    measures = project.sharpness(project.run(method="sam", seed=0))
    drawn = project.now.numbers("drawn").csv().text()
    rows = list(csv.DictReader(io.StringIO(rendered(project)["csv"])))
    assert [row["method"] for row in rows] == ["sam"] * 12 + ["lets-sam"] * 12
    assert {row["table"] for row in rows} == {"sharp"}
    numbers = [(row["quantity"], *(float(row[key]) for key in ("at", "value", "error", "n"))) for row in rows]
    assert numbers[:12] == [(one.quantity, one.at, one.value, one.error, one.n) for one in measures]
    shared = [{key: value for key, value in row.items() if key != "table"} for row in rows]
    assert list(csv.DictReader(io.StringIO(drawn))) == shared
    assert shared[0]["run"] == project.run(method="sam", seed=0).id


def test_one_eigenvalue_has_no_ratio(tmp_path: Path) -> None:
    grid = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["sam"]}
    made = Project(tmp_path, experiments={"clean": grid}, tables={"sharp": {**ITEM, "eigenvalues": 1}})
    text = rendered(made)["md"]
    assert "| Method | λ₁ | Trace | S(0.01) |" in text
    assert "λ₁: largest eigenvalues of the Hessian H, by Lanczos. Trace" in text


def test_the_line_below_the_figure(project: Project) -> None:
    figure = project.params.figures["drawn"]
    numbers = figure.numbers(project.now)
    text = full_caption(figure, numbers)
    assert text.startswith("First seed of each method; 1024 training images, m = 128; trace ± standard error")
    assert text.endswith("diverged: 1 run; missing: 2 runs")


def test_the_page_has_the_table(project: Project) -> None:
    project.layout.figure("drawn", "svg").parent.mkdir(parents=True)
    project.layout.figure("drawn", "svg").write_text("<svg ></svg>")
    page = render_page(project.now)
    assert "25.2 ± 1.5" in page
    assert "sharp.csv" in page


def test_a_damaged_analysis_is_named(project: Project) -> None:
    path = project.layout.sharpness(project.run(method="sam", seed=0).id)
    path.write_text(path.read_text().replace("trace", "track"))
    with pytest.raises(RecordError, match=r"seed-0-\w+\.csv – want lines of eigenvalue, .* – delete it"):
        rendered(project)
