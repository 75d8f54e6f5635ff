"""A hyper-gradient analysis: its csv, its numbers and its table."""

import csv
import io
import math
from dataclasses import astuple
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.analyses.hypergradient import Probe, probes_of, probes_text, read_probes
from lets.errors import RecordError, SpecError
from lets.figures.figure import full_caption
from lets.page.page import render_page
from lets.tables.render import render

FOUND = {
    ("algorithm", "diagonal"): (-0.5, 0.25),
    ("algorithm", "exact"): (3.0, 1.0),
    ("derivation", "exact"): (2.0, 1.0),
}


def test_ratio_and_sign_refer_to_the_true_one() -> None:
    first, second, true = probes_of(13, 2, 0.05, FOUND)
    assert first == Probe(13, 2, 0.05, "algorithm", "diagonal", -0.5, 0.25, 0.25, False)
    assert (second.ratio, second.agrees) == (1.5, True)
    assert (true.ratio, true.agrees) == (1.0, True)


def test_where_the_true_one_is_zero_no_size_compares() -> None:
    probes = probes_of(0, 1, 0.05, FOUND | {("derivation", "exact"): (0.0, math.nan)})
    assert all(math.isnan(probe.ratio) for probe in probes)
    assert [probe.agrees for probe in probes] == [False, False, True]


def test_it_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    probes = probes_of(6, 1, 0.1 + 0.2, FOUND | {("algorithm", "exact"): (1 / 3, math.nan)})
    path = tmp_path / "probes.csv"
    path.write_text(probes_text(probes))
    assert [list(map(repr, astuple(p))) for p in read_probes(path)] == [
        list(map(repr, astuple(p))) for p in probes
    ]


@pytest.mark.parametrize(
    ("there", "instead", "reason"),
    [
        ("step,epoch", "epoch,step", "line 1: want the columns step,epoch,rho,"),
        ("False", "perhaps", "line 2: 'perhaps' is neither True nor False"),
        ("algorithm,exact,3.0", "algorithm,exact", "line 3: 8 values, want 9"),
        ("13,2,0.05,derivation", "thirteen,2,0.05,derivation", "line 4: .thirteen. is no number"),
    ],
)
def test_what_is_not_ours_is_refused_with_its_line(
    tmp_path: Path, there: str, instead: str, reason: str
) -> None:
    path, text = tmp_path / "probes.csv", probes_text(probes_of(13, 2, 0.05, FOUND))
    assert there in text
    path.write_text(text.replace(there, instead))
    with pytest.raises(RecordError, match=f"{reason}.* – delete it and make it again"):
        read_probes(path)


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
