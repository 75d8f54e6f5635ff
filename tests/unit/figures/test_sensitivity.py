"""Radii that are learned, over those that are fixed: arrows from start to end, a panel per base method."""

import shutil
from pathlib import Path

import pytest
from tests.golden.factory import Project, epoch_row

from lets.errors import SpecError
from lets.figures.canvas import theme
from lets.figures.figure import full_caption

DIGITS = {"datasets": ["digits"], "architectures": ["resnet-small"]}
EXPERIMENTS = {
    "plain": {**DIGITS, "methods": ["erm"]},
    "fixed": {**DIGITS, "methods": ["sam", "asam"], "vary": {"rho": [0.1, 1.0]}},
    "learned": {**DIGITS, "methods": ["lets-sam", "lets-asam"], "vary": {"rho": [0.2]}},
}
FIGURE = {"kind": "sensitivity", "title": "F", "experiments": [*EXPERIMENTS], "x": "rho", "learned": True}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Of LETS-SAM a seed ends at 0.02 and one at 0.08, of LETS-ASAM both at 0.5, everything at 70 and 72 %."""
    project = Project(tmp_path, seeds=[0, 1], experiments=EXPERIMENTS, figures={"f": FIGURE})
    for run in project.matrix.runs.values():
        end = {"lets-sam": (0.02, 0.08)[run.seed], "lets-asam": 0.5}.get(
            run.method, run.variant.get("rho", 0.0)
        )
        project.write(run, [epoch_row(1, 70.0 + 2 * run.seed, rho=end)])
    return project


def test_ends_are_geometric_means(project: Project) -> None:
    numbers = project.now.numbers("f")
    ends = {point.method: (point.x, point.end) for point in numbers.points if point.end is not None}
    assert ends == {"lets-sam": (0.2, pytest.approx(0.04)), "lets-asam": (0.2, pytest.approx(0.5))}
    header, *lines = numbers.csv().text().splitlines()
    assert header == "method,x.rho,end.rho,mean,sd,n"
    assert lines[0].startswith("erm,,,71.0,")
    assert "arrows: learned radii" in full_caption(project.params.figures["f"], numbers)


def test_every_base_method_has_a_panel_with_its_arrows_and_plain_training(project: Project) -> None:
    figure = project.params.figures["f"]
    with theme("f"):
        sam, asam = figure.draw(project.now.numbers("f")).axes
    assert (sam.get_title(), asam.get_title()) == ("SAM", "ASAM")
    for axes, end in ((sam, 0.04), (asam, 0.5)):
        (arrow,) = axes.texts
        assert arrow.xy == (pytest.approx(end), 71.0)
        assert arrow.xyann == (0.2, 71.0)
        levels = [line for line in axes.lines if line.get_label() == "ERM"]
        assert [list(line.get_ydata()) for line in levels] == [[71.0, 71.0]]


def test_before_a_run_with_a_radius_there_is_one_panel(project: Project) -> None:
    figure = project.params.figures["f"]
    for run in project.runs():
        if run.method != "erm":
            shutil.rmtree(project.layout.run(run.id))
    with theme("f"):
        (axes,) = figure.draw(project.now.numbers("f")).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[71.0, 71.0]]
    shutil.rmtree(project.layout.runs)
    with theme("f"):
        (axes,) = figure.draw(project.now.numbers("f")).axes
    assert not list(axes.lines)


def test_only_radii_are_learned(tmp_path: Path) -> None:
    figure = {**FIGURE, "experiments": ["learned"], "x": "xi"}
    with pytest.raises(
        SpecError, match=r"'xi' with learned: true – only a radius is learned – write  x: rho"
    ):
        Project(tmp_path, experiments={"learned": EXPERIMENTS["learned"]}, figures={"f": figure})
