"""A sharpness analysis: its csv, its numbers and its table."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.analyses.sharpness import Measure, mean_of, measures_text, read_measures
from lets.errors import RecordError
from lets.figures.figure import full_caption
from lets.page.page import render_page
from lets.tables.render import render

WHOLE = [
    Measure("eigenvalue", 1, 1 / 3, 1e-6, 35),
    Measure("eigenvalue", 2, 0.1 + 0.2 - 0.2, 1e-5, 35),
    Measure("trace", 0, 7.25, 0.5, 20),
    Measure("m-sharpness", 0.05, 0.012, 0.001, 8),
    Measure("m-sharpness", 0.5, 0.12, 0.01, 8),
]


def test_a_mean_with_its_standard_error() -> None:
    """1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9)/3."""
    assert mean_of("trace", 0, [1, 2, 3, 6]) == Measure("trace", 0, 3, pytest.approx((14 / 3 / 4) ** 0.5), 4)
    assert math.isnan(mean_of("trace", 0, [1.0]).error)


def test_it_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "sharpness.csv"
    path.write_text(measures_text(WHOLE))
    assert read_measures(path) == WHOLE


def test_a_diverged_run_has_nan(tmp_path: Path) -> None:
    path = tmp_path / "sharpness.csv"
    path.write_text(measures_text([replace(one, value=math.nan, error=math.nan) for one in WHOLE]))
    assert all(math.isnan(one.value) for one in read_measures(path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows[1:], "the ranks of its eigenvalues are not 1, 2, 3"),
        (lambda rows: rows[2:], "the ranks of its eigenvalues are not 1, 2, 3"),
        (lambda rows: [rows[0], replace(rows[1], value=0.4), *rows[2:]], "its eigenvalues grow"),
        (lambda rows: [*rows[:2], *rows[3:]], "it has 0 traces"),
        (lambda rows: [*rows[:3], rows[2], *rows[3:]], "it has 2 traces"),
        (lambda rows: rows[:3], "the radii of its m-sharpness do not increase from above 0"),
        (lambda rows: [*rows[:3], rows[4], rows[3]], "the radii of its m-sharpness do not increase"),
        (lambda rows: [*rows[:3], rows[3], rows[3]], "the radii of its m-sharpness do not increase"),
        (lambda rows: [*rows[:3], replace(rows[3], at=0.0)], "the radii of its m-sharpness do not increase"),
        (
            lambda rows: [rows[2], *rows[:2], *rows[3:]],
            "want lines of eigenvalue, trace, m-sharpness, in this",
        ),
        (lambda rows: [*rows, replace(rows[0], quantity="norm")], "want lines of eigenvalue, trace, m-sharp"),
        (lambda rows: [*rows[:4], replace(rows[4], n=0)], "a count or an error is negative"),
        (lambda rows: [*rows[:4], replace(rows[4], error=-1.0)], "a count or an error is negative"),
    ],
)
def test_what_is_not_whole_is_refused(
    tmp_path: Path, change: Callable[[list[Measure]], list[Measure]], reason: str
) -> None:
    path = tmp_path / "sharpness.csv"
    path.write_text(measures_text(change(WHOLE)))
    with pytest.raises(RecordError, match=f"sharpness.csv – {reason}.* – delete it and make it again"):
        read_measures(path)


def test_what_is_no_csv_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sharpness.csv"
    path.write_text("nonsense")
    with pytest.raises(RecordError, match="line 1: want the columns quantity,at,value,error,n – delete it"):
        read_measures(path)


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
