import csv
import io
import math

import pytest
from tests.golden.factory import Project

from lets.errors import RecordError, SpecError
from lets.figures.figure import full_caption


def lines(project: Project, name: str) -> list[dict[str, str]]:
    text = project.now.numbers(name).csv().text()
    return list(csv.DictReader(io.StringIO(text)))


def small_print(project: Project, name: str) -> str:
    figure = project.params.figures[name]
    return full_caption(figure, figure.numbers(project.now))


def test_sensitivity(figures: Project) -> None:
    """Accuracies 90 + log10 ρ and 92 + log10 ρ: mean 91 + log10 ρ, sd √2."""
    rows = lines(figures, "sensitivity")
    assert list(rows[0]) == ["method", "x.rho", "mean", "sd", "n"]
    assert [(row["method"], row["x.rho"]) for row in rows] == [
        ("sam", "0.05"),
        ("sam", "0.5"),
        ("asam", "0.05"),
        ("asam", "0.5"),
        ("erm", ""),
    ]
    assert float(rows[1]["mean"]) == pytest.approx(91 + math.log10(0.5), abs=1e-12)
    assert float(rows[4]["mean"]) == 91.0
    assert [float(row["sd"]) for row in rows] == pytest.approx([math.sqrt(2)] * 5, abs=1e-12)
    assert small_print(figures, "sensitivity") == "Mean ± 1 sample standard deviation over n = 2 seeds"


def test_curves(figures: Project) -> None:
    """The gap is n/10 for seed 0 and (n+1)/10 for seed 1: mean n/10 + 0.05, sd √0.005."""
    rows = lines(figures, "curves")
    line = [row for row in rows if (row["panel.architecture"], row["method"]) == ("resnet-small", "lets-sam")]
    assert [row["x.epoch"] for row in line] == ["1", "2", "3"]
    assert [float(row["mean"]) for row in line] == pytest.approx([0.15, 0.25, 0.35], abs=1e-12)
    assert [float(row["sd"]) for row in line] == pytest.approx([math.sqrt(0.005)] * 3, abs=1e-12)
    interrupted = [row for row in rows if (row["panel.architecture"], row["method"]) == ("vit-small", "sam")]
    assert [(row["n"], row["sd"]) for row in interrupted] == [("1", "")] * 3
    assert small_print(figures, "curves").endswith(
        "over n = 1 to 2 seeds; diverged: 1 run; interrupted: 1 run"
    )


def test_a_damaged_history_is_named_not_dropped(figures: Project) -> None:
    run = figures.run(architecture="resnet-small", method="lets-sam", seed=0)
    figures.layout.run_file(run.id, "history.csv").write_text("epoch,loss\n1,2\n")
    line = [row for row in lines(figures, "curves") if row["method"] == "lets-sam"]
    assert [row["n"] for row in line] == ["1"] * 3 + ["2"] * 3
    assert small_print(figures, "curves").endswith("unreadable: 1 run")


def test_dots(figures: Project) -> None:
    rows = lines(figures, "dots")
    assert [(row["panel.architecture"], row["method"]) for row in rows[:2]] == [
        ("resnet-small", "sam"),
        ("resnet-small", "lets-sam"),
    ]
    assert float(rows[0]["mean"]) == pytest.approx(91 + math.log10(0.05), abs=1e-12)


def test_landscape(figures: Project) -> None:
    rows = lines(figures, "landscape")
    assert list(rows[0]) == ["method", "run", "a", "b", "loss"]
    assert len(rows) == 3 * 25
    assert {row["run"] for row in rows} == {
        run.id
        for method, rho in (("sam", 0.05), ("lets-sam", 0.05), ("asam", 0.5))
        for run in figures.runs(architecture="resnet-small", method=method, seed=0, rho=rho)
    }
    middle = next(row for row in rows if (row["a"], row["b"]) == ("0.0", "0.0"))
    assert float(middle["loss"]) == 0.02
    assert small_print(figures, "landscape").endswith("missing: 1 run")


@pytest.mark.parametrize(
    "text", ["", "x,y\n1,2\n", "a,b,loss\n0.0,0.0\n", "a,b,loss\n0.0,0.0,1\n1.0,1.0,1\n"]
)
def test_a_damaged_landscape_is_named(figures: Project, text: str) -> None:
    path = figures.layout.landscape(figures.run(architecture="resnet-small", method="lets-sam", seed=0).id)
    path.write_text(text)
    with pytest.raises(RecordError, match="landscape"):
        lines(figures, "landscape")


def test_cost(figures: Project) -> None:
    """20 passes in 10 steps; means as those of the dots; the diverged and the interrupted run do not count."""
    rows = lines(figures, "cost")
    assert list(rows[0]) == ["panel.architecture", "method", "x.passes_per_step", "mean", "sd", "n"]
    assert {row["x.passes_per_step"] for row in rows} == {"2.0"}
    assert [{**row, "x.passes_per_step": ""} for row in rows] == [
        {**row, "x.passes_per_step": ""} for row in lines(figures, "dots")
    ]
    run = figures.run(architecture="resnet-small", method="lets-sam", seed=1)
    figures.edit_metrics(run, passes=120)  # in 30 steps, the other seed 60
    (row,) = (
        r
        for r in lines(figures, "cost")
        if (r["panel.architecture"], r["method"]) == ("resnet-small", "lets-sam")
    )
    assert float(row["x.passes_per_step"]) == 3.0
    assert "nothing else is as cheap and better; missing" not in small_print(figures, "cost")
    assert small_print(figures, "cost").endswith("better; diverged: 1 run; interrupted: 1 run")


def test_an_axis_that_is_no_number_is_refused(tmp_path) -> None:
    experiment = {
        "datasets": ["digits"],
        "architectures": ["resnet-small"],
        "methods": ["lets-sam"],
        "vary": {"metric": ["gap", "validation-loss"]},
    }
    figure = {"kind": "sensitivity", "title": "F", "experiments": ["one"], "x": "metric"}
    with pytest.raises(SpecError, match="no number to draw along"):
        Project(tmp_path, experiments={"one": experiment}, figures={"f": figure})


@pytest.mark.parametrize(
    "figure",
    [
        {"kind": "sensitivity", "x": "rho"},
        {"kind": "curves", "panels": "dataset", "metric": "loss"},
        {"kind": "dots"},
        {"kind": "cost", "panels": "dataset"},
    ],
)
def test_a_point_that_would_mix_variants_is_refused(tmp_path, figure) -> None:
    both = {"datasets": ["digits"], "architectures": ["resnet-small", "vit-small"], "methods": ["sam"]}
    shown = {"title": "F", "experiments": ["two"], **figure}
    with pytest.raises(
        SpecError, match=r"differ in architecture, .* write  where: \{architecture: \[resnet-small\]"
    ):
        Project(tmp_path, experiments={"two": both}, figures={"f": shown})
