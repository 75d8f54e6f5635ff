import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from tests.golden.factory import Project

from lets.errors import RecordError
from lets.records.files import write_text
from lets.report import render_page, write_figure, write_page

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Checker(HTMLParser):
    """Collects ids and outside references, and checks that tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.see(attributes)

    def handle_startendtag(self, tag, attributes):
        self.see(attributes)

    def see(self, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text += data


DRAWING = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">
<defs><clipPath id="clip"><path id="glyph" d="M 0 0 H 9"/></clipPath></defs>
<g id="figure_1"><use xlink:href="#glyph" clip-path="url(#clip)"/></g>
</svg>
"""


@pytest.fixture
def drawn(figures: Project) -> Project:
    """Figures whose svg is a few lines long; one test below draws them."""
    for name in figures.params.figures:
        write_text(figures.layout.figure(name, "svg"), DRAWING)
    return figures


def checked(project: Project) -> Checker:
    checker = Checker()
    checker.feed(render_page(project.params, project.matrix, project.layout))
    assert checker.open == []
    return checker


def test_it_is_well_formed_and_needs_nothing_else(figures: Project) -> None:
    for name, figure in figures.params.figures.items():
        write_figure(name, figure, figures.params, figures.matrix, figures.layout)
    page = checked(figures)
    assert len(page.ids) == len(set(page.ids)), "ids of the inlined figures are unique"
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert len(inside) > 100
    assert set(inside) <= set(page.ids)
    outside = {link for link in page.links if not link.startswith(("#", "data:"))}
    assert {"tables/table.csv", "tables/table.tex", "figures/curves.svg", "audit/audit.md"} <= outside
    assert not [link for link in outside if ":" in link or link.startswith("/")]


def test_inlined_figures_keep_their_references(drawn: Project) -> None:
    html = render_page(drawn.params, drawn.matrix, drawn.layout)
    for name in drawn.params.figures:
        assert f'<use xlink:href="#{name}-glyph" clip-path="url(#{name}-clip)"/>' in html
        assert html.count(f'id="{name}-glyph"') == 1
    assert "<?xml" not in html


def test_headline_counts_the_runs(drawn: Project) -> None:
    text = " ".join(checked(drawn).text.split())
    total = len(drawn.matrix.runs)
    assert f"{total - 2} of {total} runs finished · 1 run diverged · 1 run partial" in text
    assert f"lets audit --params params/{drawn.params.profile}.yaml" in text


def test_every_number_names_its_runs(drawn: Project) -> None:
    html = render_page(drawn.params, drawn.matrix, drawn.layout)
    hovers = re.findall(r'<td title="([^"]*)"', html)
    assert len(hovers) == 8
    run = drawn.run(architecture="vit-small", method="lets-asam", seed=1)
    assert sum(run.id in hover for hover in hovers) == 1


def test_titles_are_escaped(drawn: Project) -> None:
    html = render_page(drawn.params, drawn.matrix, drawn.layout)
    assert "A &lt; B &amp; C" in html
    assert "A < B" not in html
    assert 'aria-label="C &lt;&amp;&gt; D"' in html


def test_costs_come_from_provenance(drawn: Project) -> None:
    runs = drawn.runs(architecture="resnet-small", method="lets-sam")
    ended = len(drawn.matrix.runs) - 1  # one is interrupted
    assert len(runs) == 2
    text = " ".join(checked(drawn).text.split())
    assert (
        f"{ended} runs, {ended * 1.5:.0f} s of training in all, at most 100 MiB each, on cpu (Example CPU)."
        in text
    )


def test_two_builds_are_the_same_bytes(drawn: Project) -> None:
    first = write_page(drawn.params, drawn.matrix, drawn.layout).read_bytes()
    drawn.layout.page.unlink()
    assert write_page(drawn.params, drawn.matrix, drawn.layout).read_bytes() == first


def test_hash_seeds_do_not_show(drawn: Project) -> None:
    code = (
        "import sys; from lets.report import render_page; from lets.spec import Layout, expand, load_params\n"
        "p = load_params(sys.argv[1]); from pathlib import Path\n"
        "sys.stdout.write(render_page(p, expand(p), Layout(p.profile, Path(sys.argv[2]))))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, str(drawn.file), str(drawn.root)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_a_figure_that_is_not_drawn_is_named(figures: Project) -> None:
    with pytest.raises(
        RecordError, match=r"sensitivity\.svg – is not drawn yet .* lets report --figure sensitivity"
    ):
        render_page(figures.params, figures.matrix, figures.layout)
