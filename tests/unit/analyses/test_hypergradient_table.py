"""The numbers and the table of a hyper-gradient analysis."""

import csv
import io
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.errors import RecordError, SpecError
from lets.figures.figure import full_caption
from lets.page.page import render_page
from lets.tables.render import render

ITEM = {"kind": "hypergradient", "title": "H & more", "experiments": ["clean"], "every": 5}
BOTH = ("lets-sam", "lets-asam")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two runs with three probes each, as the factory makes them; another one was not analysed."""
    methods = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": [*BOTH, "lets-gsam"]}
    made = Project(tmp_path, experiments={"clean": methods}, tables={"ways": ITEM})
    for run in made.matrix.runs.values():
        made.finish(run, 90.0)
    for method in BOTH:
        made.hypergradient(made.run(method=method, seed=0))
    return made


def rendered(project: Project) -> dict[str, str]:
    return render(project.now.table("ways"))


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_has_medians_over_the_probes(project: Project) -> None:
    rows = lines(rendered(project)["csv"])
    assert [row["method"] for row in rows] == ["lets-sam"] * 5 + ["lets-asam"] * 5
    assert [row["run"] for row in rows[::5]] == [project.run(method=method, seed=0).id for method in BOTH]
    found = {
        (row["direction"], row["hessian"]): (float(row["median_ratio"]), float(row["median_cosine"]))
        for row in rows[:5]
    }
    assert found == {
        ("algorithm", "diagonal"): (pytest.approx(2e-3), 0.1),
        ("algorithm", "exact"): (pytest.approx(0.8), 1.0),
        ("derivation", "diagonal"): (pytest.approx(4e-3), 0.2),
        ("derivation", "finite-difference"): (pytest.approx(1.2), 0.9),
        ("derivation", "exact"): (1.0, 1.0),
    }
    assert [f"{row['agreeing']}/{row['n']}" for row in rows[:5]] == ["2/3", "3/3", "2/3", "3/3", "3/3"]


def test_markdown_and_latex_have_a_row_per_hessian_in_a_block_per_direction(project: Project) -> None:
    text = rendered(project)
    printed = text["md"].splitlines()
    assert printed[0] == "**H & more**"
    assert "| *LETS-SAM, along the gradient at the new weights (Algorithm 1)* |  |  |  |" in printed
    assert "| Diagonal (Eq. 5) | 0.002 | 0.10 | 67 % (2 of 3) |" in printed
    assert "| Finite difference | 1.2 | 0.90 | 100 % (3 of 3) |" in printed
    assert "| Exact: the true hyper-gradient | 1 | 1.00 | 100 % (3 of 3) |" in printed
    assert any(line.startswith("- Missing: 1 run: digits/clean/resnet-small/lets-gsam/") for line in printed)
    assert "taken every 5 steps" in text["md"]
    assert r"\caption{H \& more}" in text["tex"]
    assert text["tex"].count(r"\textit{LETS-") == 4
    assert text["tex"].isascii()


def test_undefined_cosines_do_not_enter_the_median(project: Project) -> None:
    path = project.layout.hypergradient(project.run(method="lets-sam", seed=0).id)
    path.write_text(path.read_text().replace(",0.9,", ",nan,", 1).replace(",0.9,", ",0.5,", 1))
    assert float(lines(rendered(project)["csv"])[3]["median_cosine"]) == pytest.approx(0.7)


def test_the_figure_draws_every_probe(project: Project) -> None:
    figure = project.params.tables["ways"]
    rows = lines(figure.numbers(project.now).csv().text())
    assert len(rows) == 2 * 3 * 5
    assert list(rows[0])[:5] == ["method", "run", "step", "epoch", "rho"]
    assert [row["step"] for row in rows[::5]] == ["0", "5", "10"] * 2
    numbers = figure.numbers(project.now)
    assert full_caption(figure, numbers).endswith("missing: 1 run")


def test_the_page_has_the_table(project: Project) -> None:
    page = render_page(project.now)
    assert "along the perturbation of the old weights (derivation)" in page
    assert "<small>(2 of 3)</small>" in page
    assert "ways.csv" in page


def test_a_damaged_analysis_is_named(project: Project) -> None:
    path = project.layout.hypergradient(project.run(method="lets-sam", seed=0).id)
    path.write_text("step\n1\n")
    with pytest.raises(RecordError, match=r"seed-0-\w+\.csv – line 1: want the columns .* – delete it"):
        rendered(project)


def test_variants_of_one_method_are_not_mixed(tmp_path: Path) -> None:
    metrics = {
        "datasets": ["digits"],
        "architectures": ["resnet-small"],
        "methods": ["lets-sam"],
        "vary": {"metric": ["gap", "half-squared-gap"]},
    }
    mixed = Project(tmp_path, experiments={"clean": metrics}, tables={"ways": ITEM})
    with pytest.raises(SpecError, match="differ in metric"):
        rendered(mixed)
