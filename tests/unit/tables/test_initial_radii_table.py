"""Tables of starts and of baselines as they are printed, and the figure of what they cost."""

import csv
import io
from pathlib import Path

import pytest
from tests.golden.factory import TRAINING, Project, epoch_row

from lets.figures.figure import full_caption
from lets.page.page import render_page
from lets.tables.initial_radii import _factor
from lets.tables.render import render

GRID = {"datasets": ["digits"], "architectures": ["resnet-small"], "vary": {"rho": [0.1, 1.0]}}
EVERYTHING = ["letter", "adam", "fixed", "longer"]
TABLES = {
    "starts": {"kind": "starts", "title": "Starts & ends", "experiments": ["letter", "adam"], "margin": 1.0},
    "against": {"kind": "baselines", "title": "Baselines", "experiments": EVERYTHING},
}
FIGURE = {"pareto": {"kind": "pareto", "title": "Pareto", "experiments": ["adam"]}}
FIGURES = {"pareto": {"kind": "pareto", "title": "Pareto", "experiments": [*EVERYTHING, "plain"]}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    p = Project(
        tmp_path,
        seeds=[0, 1, 2],
        training={**TRAINING, "val_batches": "next"},
        experiments={
            "letter": {
                **GRID,
                "methods": ["lets-sam"],
                "title": "to the letter",
                "hyperparameters": {"lets-sam": {"preset": "paper-literal"}},
            },
            "adam": {**GRID, "methods": ["lets-sam"]},
            "fixed": {**GRID, "methods": ["sam"]},
            "longer": {**GRID, "methods": ["sam"], "training": {"epochs": 3}},
            "plain": {**GRID, "methods": ["erm"], "vary": {}},
        },
        tables=TABLES,
        figures=FIGURES,
    )
    for seed in range(3):
        for start in (0.1, 1.0):
            for optimizer, end in (("sgd", start), ("adam", 0.5)):
                run = p.run(method="lets-sam", rho=start, seed=seed, rho_optimizer=optimizer)
                p.write(run, [epoch_row(1, 90 + seed + 0.02 * seed * start, rho=end)])
            for run in p.runs(method="sam", rho=start, seed=seed):
                p.finish(run, 88 + seed + start + 0.1 * seed * run.training.epochs)
        p.finish(p.run(method="erm", seed=seed), 87.0 + seed)
    return p


def rendered(p: Project, name: str) -> dict[str, str]:
    return render(p.now.table(name))


def test_a_row_per_experiment(project: Project) -> None:
    """From .1 and 1 to .5: ln 5 and ln 2, exp of their mean is √10."""
    lines = rendered(project, "starts")["md"].splitlines()
    assert lines[2] == (
        "| What moves the radius | Starts | Seeds | Moves by a factor of | Ends at | Memory of its start | "
        "Test accuracy (%) | Spread | Holm p | Start matters |"
    )
    assert lines[4].startswith("| *LETS-SAM, ResNet (small) on Digits* |")
    assert lines[5].startswith(
        "| to the letter | 2 | 3 | 1 (1 to 1) | 0.1 to 1 | 1.00 (1.00 to 1.00) | 91.01 | 0.02 |"
    )
    assert lines[6].startswith(
        "| adam | 2 | 3 | 3.16 (3.16 to 3.16) | 0.5 to 0.5 | 0.00 (0.00 to 0.00) | 91.01 |"
    )
    assert lines[6].endswith(" | <0.001 | no |")


def test_a_block_per_baseline(project: Project) -> None:
    text = rendered(project, "against")["md"]
    blocks = [line for line in text.splitlines() if line.startswith("| *")]
    assert [line.split("*")[1].split(" at ", 1)[1] for line in blocks] == [
        "the radius that it starts from, ResNet (small) on Digits",
        "the best radius of the grid, ResNet (small) on Digits",
        "the radius that it starts from, at equal passes, ResNet (small) on Digits",
    ]
    assert "| to the letter | 3 | 270 | 180 | +" in text


def test_csv_reads_back(project: Project) -> None:
    (letter, adam) = csv.DictReader(io.StringIO(rendered(project, "starts")["csv"]))
    assert (letter["row.experiment"], letter["moved"], letter["memory"]) == ("letter", "0.0", "1.0")
    assert (float(adam["moved"]), adam["start_matters"]) == (pytest.approx(1.151293, abs=1e-5), "no")
    rows = list(csv.DictReader(io.StringIO(rendered(project, "against")["csv"])))
    assert {(row["row.experiment"], row["row.against"]) for row in rows} == {
        (name, baseline) for name in ("letter", "adam") for baseline in ("start", "best", "passes")
    }


def test_marks_of_a_pareto_figure(project: Project) -> None:
    numbers = project.params.figures["pareto"].numbers(project.now)
    lines = csv.DictReader(io.StringIO(numbers.csv().text()))
    found = {(line["experiment"], line["best_radius"]): line for line in lines}
    assert {key: float(line["passes"]) for key, line in found.items()} == {
        ("letter", "False"): 270,
        ("adam", "False"): 270,
        ("fixed", "False"): 180,
        ("fixed", "True"): 360,
        ("longer", "False"): 270,
        ("longer", "True"): 540,
        ("plain", "False"): 90,
    }
    assert float(found["plain", "False"]["mean"]) == 88.0
    assert float(found["fixed", "True"]["mean"]) == pytest.approx(88 + 1 + 1 + 0.2)
    low, high = (float(found["fixed", "False"][name]) for name in ("low", "high"))
    assert high - low == pytest.approx(0.9)


def test_it_is_drawn_with_a_row_per_experiment_and_twice_the_same(project: Project) -> None:
    figure = project.params.figures["pareto"]
    files = project.draw("pareto")
    first = [path.read_bytes() for path in files]
    project.draw("pareto")
    assert [path.read_bytes() for path in files] == first
    numbers = figure.numbers(project.now)
    assert "passes of all trainings" in full_caption(figure, numbers)
    (axes,) = figure.draw(numbers).axes
    labels = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert "LETS-SAM, to the letter" in labels
    assert "SAM, fixed, best radius" in labels


def test_they_stand_on_the_page(project: Project) -> None:
    project.draw("pareto")
    page = render_page(project.now)
    assert "Starts &amp; ends" in page
    assert "Memory of its start" in page


@pytest.mark.parametrize(
    ("logarithm", "text"),
    [(0.0, "1"), (3.2e-8, "1 + 3e-08"), (-5e-7, "1 - 5e-07"), (0.7, "2.01"), (0.0101, "1.01")],
)
def test_how_little_a_radius_moves_is_seen(logarithm: float, text: str) -> None:
    assert _factor(logarithm) == text


def test_a_panel_without_a_finished_run_is_drawn_empty(tmp_path: Path) -> None:
    p = Project(tmp_path, experiments={"adam": {**GRID, "methods": ["lets-sam"]}}, figures=FIGURE)
    assert p.draw("pareto")
