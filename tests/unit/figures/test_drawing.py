"""What is drawn, and that it is the same bytes each time."""

import math
import re
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from tests.golden.factory import Project, epoch_row
from tests.golden.figures import figures_in

from lets.figures.canvas import theme
from lets.figures.series import Point
from lets.figures.styles import style_of
from lets.figures.tradeoff import front
from lets.optim.catalogue import METHODS
from lets.stats.summary import Summary

KINDS = ["sensitivity", "curves", "dots", "cost", "landscape", "hypergradient", "sharpness"]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Every kind of figure, for tests that change no run; `changed` is one to write into."""
    return figures_in(tmp_path_factory.mktemp("figures"))


@pytest.fixture
def changed(tmp_path: Path) -> Project:
    return figures_in(tmp_path)


@cache
def drawn(project: Project, name: str) -> Figure:
    figure = project.params.figures[name]
    with theme(name):
        return figure.draw(figure.numbers(project.now))


@pytest.mark.parametrize("name", KINDS)
def test_two_builds_are_the_same_bytes_and_what_they_say(figures: Project, name: str) -> None:
    table, svg, png = figures.draw(name)
    first = [path.read_bytes() for path in (table, svg, png)]
    assert not re.search(rb"<dc:date>|\d{4}-\d\d-\d\dT", first[1])
    assert ET.fromstring(svg.read_text()).tag.endswith("svg")
    assert 'href="http' not in re.sub(r'xmlns:\w+="[^"]*"|rdf:resource="[^"]*"', "", svg.read_text())
    with Image.open(png) as image:
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert np.asarray(image.convert("L")).std() > 10, "not an empty picture"
    for path in (table, svg, png):
        path.unlink()
    assert [path.read_bytes() for path in figures.draw(name)] == first


@pytest.mark.parametrize("name", KINDS)
def test_in_a_column_of_a_page_no_letter_is_below_six_points(figures: Project, name: str) -> None:
    figure = drawn(figures, name)
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    smallest = min(text.get_fontsize() for text in texts)
    assert min(1.0, 85 / 25.4 / figure.get_figwidth()) * smallest > 6


@pytest.mark.parametrize("name", KINDS)
def test_a_figure_is_drawn_before_there_is_a_run(changed: Project, name: str) -> None:
    """As in a fresh clone, where the audit draws all of them."""
    shutil.rmtree(changed.layout.root / "results")
    figure = drawn(changed, name)
    assert not any(axes.lines for axes in figure.axes)


def test_curves_carry_the_numbers_of_the_csv(figures: Project) -> None:
    figure = drawn(figures, "curves")
    resnet, vit = figure.axes
    assert (resnet.get_title(), vit.get_title()) == ("ResNet (small)", "ViT (small)")
    assert resnet.get_ylabel() == "Generalization gap\n(nats)"
    assert vit.get_xlabel() == "Epoch"
    line = next(line for line in resnet.lines if line.get_label() == "LETS-SAM")
    assert list(line.get_xdata()) == [1, 2, 3]
    assert list(line.get_ydata()) == pytest.approx([0.15, 0.25, 0.35])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["SAM", "LETS-SAM", "ASAM", "LETS-ASAM"]


def test_sensitivity_is_logarithmic_with_the_radii_as_ticks(figures: Project) -> None:
    (axes,) = drawn(figures, "sensitivity").axes
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.05", "0.5"]
    assert axes.get_xlabel() == "Perturbation radius ρ"
    assert axes.get_ylabel() == "Test accuracy (%)"
    level = next(line for line in axes.lines if line.get_label() == "ERM")
    assert list(level.get_ydata()) == [91.0, 91.0]


def test_losses_that_span_decades_are_drawn_logarithmically(changed: Project) -> None:
    for run in changed.runs(architecture="resnet-small"):
        changed.write(run, [epoch_row(n, 90.0, loss=10.0**-n) for n in (0, 1, 2)])
    curves = changed.params.figures["curves"]
    changed.params.figures["losses"] = curves.model_copy(update={"metric": "train_loss"})
    assert {axes.get_yscale() for axes in drawn(changed, "losses").axes} == {"log"}
    assert {axes.get_yscale() for axes in drawn(changed, "curves").axes} == {"linear"}


def test_dots_are_labelled_with_their_means(figures: Project) -> None:
    resnet, vit = drawn(figures, "dots").axes
    names = ["SAM", "LETS-SAM", "ASAM", "LETS-ASAM"]
    assert [label.get_text() for label in resnet.get_yticklabels()] == names
    assert printed_beside(resnet) == ["89.70", "89.70", "90.70", "91.00"]
    assert not any(label.get_visible() for label in vit.get_yticklabels()), "both panels share their rows"


def test_one_seed_has_no_whiskers(figures: Project) -> None:
    """Of the ViT a seed of SAM is missing, and one of ASAM diverged: the others are 2 points apart, sd √2."""
    resnet, vit = drawn(figures, "dots").axes
    assert whiskers(resnet) == pytest.approx([2 * 2**0.5] * 4)
    assert whiskers(vit) == pytest.approx([np.nan, 2 * 2**0.5, np.nan, 2 * 2**0.5], nan_ok=True)


def whiskers(axes: Axes) -> list[float]:
    """How long each one is."""
    ends = [container.lines[2][0].get_segments()[0].reshape(-1, 2)[:, 0] for container in axes.containers]
    return [float(one[1] - one[0]) if len(one) else math.nan for one in ends]


def printed_beside(axes: Axes) -> list[str]:
    """The numbers on the right, from top to bottom."""
    return [text.get_text() for text in axes.texts if re.fullmatch(r"[\d.]+", text.get_text())]


def test_a_curve_of_one_epoch_has_one_tick(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        experiments={
            "one": {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["lets-sam", "sam"]}
        },
        figures={"curves": {"kind": "curves", "title": "C", "experiments": ["one"], "metric": "loss"}},
    )
    for run in project.matrix.runs.values():
        project.write(run, [epoch_row(1, 90.0)])
    (axes,) = drawn(project, "curves").axes
    axes.figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1"]


def test_cost_has_a_row_per_method_with_its_passes(figures: Project) -> None:
    """Every run took 20 passes in 10 steps: the best of them is as cheap as any other."""
    resnet, _ = drawn(figures, "cost").axes
    rows = {bars.get_label(): bars.lines[0] for bars in resnet.containers}
    assert list(rows) == ["SAM", "LETS-SAM", "ASAM", "LETS-ASAM"]
    assert [float(row.get_ydata()[0]) for row in rows.values()] == [0, 1, 2, 3]
    assert [float(row.get_xdata()[0]) for row in rows.values()] == pytest.approx(
        [91 + math.log10(0.05)] * 2 + [91 + math.log10(0.5), 91]
    )
    assert printed_beside(resnet) == ["2.00"] * 4
    assert [patch.get_y() for patch in resnet.patches] == [2.5], "LETS-ASAM alone is shaded"


def test_rows_go_from_the_cheapest_down(changed: Project) -> None:
    for run in changed.runs(method="sam"):
        if changed.now.outcome(run).state == "finished":
            changed.edit_metrics(run, passes=400)
    resnet, _ = drawn(changed, "cost").axes
    assert [label.get_text() for label in resnet.get_yticklabels()][-1] == "SAM"


def test_of_numbers_each_is_a_line_and_each_method_a_panel(tmp_path: Path) -> None:
    place = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["sam", "asam"]}
    project = Project(
        tmp_path,
        experiments={"radii": {**place, "vary": {"rho": [0.05, 0.5, 1.0]}}},
        figures={
            "curves": {
                "kind": "curves", "title": "C", "experiments": ["radii"], "metric": "loss", "panels": "rho"
            }
        },
    )  # fmt: skip
    for run in project.matrix.runs.values():
        project.write(run, [epoch_row(epoch, 90.0) for epoch in (1, 2)])
    figure = drawn(project, "curves")
    assert [axes.get_title() for axes in figure.axes] == ["SAM", "ASAM"]
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]
    (legend,) = figure.legends
    assert [text.get_text().split()[-1] for text in legend.get_texts()] == ["0.05", "0.5", "1"]


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    """By hand: b is dearer than a and no better, d as dear as c and worse."""
    reached = {"a": (1, 90.0), "b": (1.5, 90.0), "c": (2, 95.0), "d": (2, 94.0), "e": (4, 96.0)}
    points = [Point(None, name, x, Summary(2, y, 0.1)) for name, (x, y) in reached.items()]
    assert [one.method for one in front(points, "higher")] == ["a", "c", "e"]
    assert [one.method for one in front(points, "lower")] == ["a"]
    assert front(points, None) == []


def test_titles_stay_inside_the_figure_and_apart(tmp_path: Path) -> None:
    experiment = {
        "datasets": ["digits"],
        "architectures": ["resnet-small"],
        "methods": ["lets-sam"],
        "vary": {"metric": ["validation-loss", "half-squared-gap"]},
    }
    radii = {**experiment, "vary": {"rho": [0.01, 0.05]}}
    curves = {"kind": "curves", "title": "C", "metric": "rho"}
    project = Project(
        tmp_path,
        experiments={"metric": experiment, "radius": radii},
        figures={
            "metrics": {**curves, "experiments": ["metric"], "panels": "metric"},
            "radii": {**curves, "experiments": ["radius"], "panels": "rho"},
        },
    )
    for run in project.matrix.runs.values():
        project.write(run, [epoch_row(n, 90.0, rho=0.041 + n / 1000) for n in (1, 2)])
    titles, labels = [], []
    for name in ("metrics", "radii"):
        figure = drawn(project, name)
        figure.canvas.draw()
        places = [axes.title.get_window_extent() for axes in figure.axes]
        assert places[0].x0 >= 0
        assert all(one.x1 < other.x0 for one, other in pairwise(places))
        assert places[-1].x1 <= figure.bbox.x1
        titles += [axes.get_title() for axes in figure.axes]
        labels += [text.get_text() for text in figure.legends[0].get_texts()]
    assert titles[1] == "½ (generalization\ngap)²"
    assert labels[1] == "Initial radius ρ₀\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.01"


def test_landscapes_share_their_scale(figures: Project) -> None:
    drawing = drawn(figures, "landscape")
    surfaces = [axes for axes in drawing.axes if axes.name == "3d"]
    assert [panel.get_title() for panel in surfaces] == ["SAM", "LETS-SAM", "ASAM", "LETS-ASAM"]
    assert len({panel.get_zlim() for panel in surfaces[:3]}) == 1
    assert [text.get_text() for text in surfaces[3].texts] == ["missing"]
    maps = contour_maps(drawing)
    assert len(maps) == 3
    (scale,) = {(panel.collections[0].norm.vmin, panel.collections[0].norm.vmax) for panel in maps}
    assert scale == pytest.approx((0.02, 0.02 + 4 * 1.95))


def contour_maps(drawing: Figure) -> list[Axes]:
    return [axes for axes in drawing.axes if axes.get_xlabel() == "direction 1" and axes.name != "3d"]


def test_contours_are_labelled_with_their_loss(figures: Project) -> None:
    """SAM's bowl: 0.02 + 2 (a² + 0.7 b² + ab/4), so 1 is reached on the first axis at a = 0.7."""
    first = contour_maps(drawn(figures, "landscape"))[0]
    labels = {text.get_text() for text in first.texts}
    assert {"0.5", "1"} <= labels <= {"0.05", "0.1", "0.2", "0.5", "1", "2", "5"}
    lines = next(c for c in first.collections if len(getattr(c, "levels", [])))
    place = list(lines.levels).index(1.0)
    points = np.concatenate([path.vertices for path in lines.get_paths()[place : place + 1]])
    on_the_axis = points[(abs(points[:, 1]) < 0.03) & (points[:, 0] > 0)]
    assert on_the_axis[:, 0] == pytest.approx(0.7, abs=0.06)


def test_sharpness_has_a_line_and_a_row_per_method(figures: Project) -> None:
    """Scales 2, 3 and 4 for SAM, LETS-SAM and ASAM; LETS-ASAM was not analysed."""
    rises, spectrum, traces = drawn(figures, "sharpness").axes
    lines = {line.get_label(): line for line in rises.lines}
    assert list(lines) == ["SAM", "LETS-SAM", "ASAM"]
    assert list(lines["SAM"].get_xdata()) == [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    assert list(lines["SAM"].get_ydata()) == pytest.approx([0.0022, 0.0048, 0.015, 0.04, 0.12, 0.6])
    assert (rises.get_xscale(), rises.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in spectrum.get_yticklabels()] == [
        "SAM",
        "LETS-SAM",
        "ASAM",
        "LETS-ASAM",
    ]
    others, first, *_ = spectrum.lines
    assert list(others.get_xdata()) == pytest.approx([6, 4, 3, 2.4])
    assert list(first.get_xdata()) == [12]
    assert [text.get_text() for text in spectrum.texts] == ["missing"]
    assert [bar[0].get_xdata()[0] for bar in traces.containers] == [50.5, 75.75, 101]
    assert spectrum.get_xlim()[0] == traces.get_xlim()[0] == 0


def test_a_loss_that_falls_is_drawn_on_a_linear_axis(changed: Project) -> None:
    run = changed.run(architecture="resnet-small", method="sam", seed=0, rho=0.05)
    path = changed.layout.sharpness(run.id)
    path.write_text(path.read_text().replace("m-sharpness,0.01,", "m-sharpness,0.01,-"))
    assert drawn(changed, "sharpness").axes[0].get_yscale() == "linear"


def test_a_long_legend_takes_more_lines_not_more_width(tmp_path: Path) -> None:
    from lets.figures.canvas import legend_above

    drawing = Figure(figsize=(3.5, 2))
    axes = drawing.subplots()
    for name in METHODS:
        axes.plot([0], [0], label=name)
    legend_above(drawing, [axes])
    drawing.canvas.draw()
    (legend,) = drawing.legends
    assert legend.get_window_extent().width < 3.5 * drawing.dpi
    assert drawing.get_figheight() > 2.5


def test_a_long_line_below_is_broken(figures: Project) -> None:
    from lets.figures.canvas import line_below

    drawing = Figure(figsize=(3.5, 2))
    with theme("x"):
        line_below(drawing, "medium words " * 20)
    assert drawing.get_supxlabel().count("\n") == 4
    drawing.canvas.draw()
    assert drawing._supxlabel.get_window_extent().width < 3.5 * drawing.dpi


def test_a_filled_marker_means_the_sign_of_the_true_one(figures: Project) -> None:
    sizes, agreement, missing, nothing = drawn(figures, "hypergradient").axes
    assert (sizes.get_title(), missing.get_title()) == ("LETS-SAM", "LETS-ASAM")
    assert sizes.get_yscale() == "log"
    assert [text.get_text() for text in missing.texts] == ["missing"]
    assert not nothing.axison
    lines = {line.get_label(): line for line in sizes.lines}
    assert list(lines["Diagonal, Algorithm 1"].get_ydata()) == pytest.approx([0.5e-3, 1e-3, 2e-3])
    assert list(lines["true hyper-gradient"].get_ydata()) == [0.5] * 3
    hollow = [line for line in sizes.lines if line.get_markerfacecolor() == "white"]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in hollow] == [
        ([5], [1e-3]),
        ([5], [2e-3]),
    ]
    assert [bar.get_width() for bar in agreement.patches] == pytest.approx([200 / 3, 100, 200 / 3, 100])
    assert agreement.texts[0].get_text() == "2 of 3, 0.002, 0.10"


@pytest.mark.parametrize("name", KINDS)
def test_a_figure_without_any_run_is_drawn_and_says_so(tmp_path: Path, figures: Project, name: str) -> None:
    empty = Project(tmp_path / "empty", **_content(figures))
    svg = empty.draw(name)[1]
    assert svg.stat().st_size > 1000
    assert empty.layout.figure(name, "csv").read_text().count("\n") == 1


def _content(project: Project) -> dict[str, object]:
    dump = project.params.model_dump(mode="json", exclude_unset=True)
    return {key: dump[key] for key in ("experiments", "tables", "figures")}


def test_methods_are_told_apart_in_grey() -> None:
    looks = Counter((style_of(name).marker, style_of(name).learned) for name in METHODS)
    named = {name for name in METHODS if style_of(name).marker != "."}
    assert {"erm", "sam", "asam", "lets-sam", "lets-asam"} <= named
    assert max(count for (marker, _), count in looks.items() if marker != ".") == 1
    assert style_of("lets-sam").colour == style_of("sam").colour
    assert style_of("lets-sam").dashes is None
    assert style_of("sam").dashes
