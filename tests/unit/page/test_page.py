import json
import re
import subprocess
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from tests.golden.factory import Project, epoch_row

from lets.errors import RecordError
from lets.files import write_json
from lets.page.page import (
    _Addresses,
    accepted_pages,
    evidence,
    named,
    render_page,
    with_verdicts,
    write_page,
)
from lets.runs.outcomes import read_outcome

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


def checked(project: Project) -> Checker:
    checker = Checker()
    checker.feed(render_page(project.now))
    assert checker.open == []
    return checker


def test_it_is_well_formed_and_needs_nothing_else(drawn: Project) -> None:
    page = checked(drawn)
    assert len(page.ids) == len(set(page.ids))
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert len(inside) > 10
    assert set(inside) <= set(page.ids)
    outside = {link for link in page.links if not link.startswith(("#", "data:"))}
    outside.remove("https://arxiv.org/abs/2408.08222")
    assert {"tables/table.csv", "tables/table.tex", "figures/curves.svg", "audit/audit.md"} <= outside
    assert not [link for link in outside if ":" in link or link.startswith("/")]


def test_every_number_has_an_address(drawn: Project) -> None:
    html = render_page(drawn.now)
    addresses = [
        re.search(r' id="([^"]*)"', tag) for tag in re.findall(r"<t?[ds][^>]* data-runs=[^>]*>", html)
    ]
    assert len(addresses) > 20
    assert None not in addresses
    assert "table--lets-sam--resnet-small" in checked(drawn).ids
    place = _Addresses().place
    assert (
        place("table6", "", "½ (generalization gap)²", "40 % noise")
        == "table6--1-2-generalization-gap-2--40-noise"
    )
    assert [place("t", "A b"), place("t", "a, b!")] == ["t--a-b", "t--a-b--2"]


def test_headings_are_called_as_the_paper_calls_them(drawn: Project) -> None:
    assert named("table1", "T") == "Table 1 – T"
    assert named("figure12", "T") == "Figure 12 – T"
    assert [named(name, "T") for name in ("figure1-noise", "pairs")] == ["T", "T"]


def test_figures_are_images_whose_bytes_are_the_files(drawn: Project) -> None:
    pictures = [
        link.partition(",")[2] for link in checked(drawn).links if link.startswith("data:image/svg+xml")
    ]
    files = [drawn.layout.figure(name, "svg") for name in drawn.params.figures]
    assert [b64decode(picture) for picture in pictures] == [file.read_bytes() for file in files]


def test_the_policy_names_the_one_script_and_the_one_style(drawn: Project) -> None:
    html = render_page(drawn.now)
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    for name in ("script", "style"):
        (text,) = re.findall(rf"<{name}>(.*?)</{name}>", html, re.DOTALL)
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert re.findall(rf"{name}-src ([^;]*)", unescape(policy)) == [f"'sha256-{digest}'"]
    assert "unsafe" not in policy
    assert not re.search(r"\s(on\w+|style)=", html)


def test_headline_counts_the_runs(drawn: Project) -> None:
    text = " ".join(checked(drawn).text.split())
    total = len(drawn.matrix.runs)
    assert f"{total - 2} of {total} runs finished · 1 run diverged · 1 run partial" in text
    assert f"lets audit --params params/{drawn.params.profile}.yaml" in text


def test_every_number_names_its_runs(drawn: Project) -> None:
    html = render_page(drawn.now)
    hovers = re.findall(r'<td id="table--[^"]*" title="([^"]*)"', html)
    assert len(hovers) == 8
    run = drawn.run(architecture="vit-small", method="lets-asam", seed=1)
    assert sum(run.id in hover for hover in hovers) == 1


def data(html: str, name: str):
    (text,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', html)
    return json.loads(text)


def test_every_cell_points_at_its_runs(drawn: Project) -> None:
    html = render_page(drawn.now)
    runs = [run["id"] for run in data(html, "runs-data")["runs"]]
    assert runs == list(drawn.matrix.runs)
    table = html[html.index('<section class="item" id="table">') : html.index("<h2>Figures</h2>")]
    cells = re.findall(r'data-runs="([\d ]+)"', table)
    pointed = [[runs[int(place)] for place in cell.split()] for cell in cells]
    wanted = [
        [
            run.id
            for run in drawn.runs(architecture=architecture, method=method, **({"rho": rho} if rho else {}))
        ]
        for method, rho in [("sam", 0.05), ("lets-sam", None), ("asam", 0.5), ("lets-asam", None)]
        for architecture in ("resnet-small", "vit-small")
    ]
    assert pointed == wanted
    status = html[html.index('<table class="status">') :]
    counted = [len(places.split()) for places in re.findall(r'data-runs="([\d ]+)"', status)]
    assert sum(counted) == len(runs)


def test_what_is_behind_a_run(drawn: Project) -> None:
    html = render_page(drawn.now)
    content = data(html, "runs-data")
    found = {run["id"]: run for run in content["runs"]}
    good = found[drawn.run(architecture="resnet-small", method="lets-sam", seed=1).id]
    assert good["state"] == "finished"
    assert good["epochs"] == [1, 2, 3]
    assert good["curves"]["test_accuracy"] == [88.7, 89.7, 90.7]  # 92 + log10 0.05 - 3 + n
    assert good["curves"]["rho"] == [0.05] * 3
    assert (
        good["method"]["rho_lr"]
        == drawn.run(architecture="resnet-small", method="lets-sam", seed=1).variant["rho_lr"]
    )
    assert content["trainings"] == [drawn.params.training.model_dump(mode="json")]
    (origin,) = content["origins"]
    assert (origin["code"], origin["packages"]["torch"], origin["image"]) == ("0" * 64, "2.14.1", None)
    diverged = found[drawn.run(architecture="vit-small", method="asam", seed=1).id]
    assert (diverged["state"], diverged["reason"], diverged["epochs"]) == ("diverged", "step 7, rho 0.05", [])
    partial = found[drawn.run(architecture="vit-small", method="sam", seed=1).id]
    assert "no metrics.json" in partial["reason"]
    assert "curves" not in partial
    assert "rho" not in found[drawn.run(method="erm", seed=0).id]["curves"]


def test_long_trainings_are_thinned_and_end_where_they_end(tmp_path: Path) -> None:
    one = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["sam"]}
    project = Project(tmp_path, experiments={"one": one})
    first, second = project.matrix.runs.values()
    project.write(first, [epoch_row(n, n / 2) for n in range(1, 201)])
    project.write(second, [epoch_row(1, 50.0)])
    long, short = evidence([read_outcome(run, project.layout) for run in (first, second)])["runs"]
    assert (long["epochs"][0], long["epochs"][-1], len(long["epochs"])) == (1, 200, 60)
    assert long["curves"]["test_accuracy"] == [epoch / 2 for epoch in long["epochs"]]
    assert max(b - a for a, b in pairwise(long["epochs"])) <= 4
    assert (short["epochs"], short["curves"]["train_loss"]) == ([1], [0.5])


def test_a_damaged_record_is_left_out(drawn: Project) -> None:
    run = drawn.run(architecture="resnet-small", method="lets-sam", seed=0)
    for name in ("history.csv", "provenance.json"):
        drawn.layout.run_file(run.id, name).write_text("{")
    found = evidence([read_outcome(run, drawn.layout)])
    assert found["origins"] == []
    assert not found["runs"][0].keys() & {"curves", "facts"}


AUDIT = {
    "passed": True,
    "next": "nothing to do",
    "items": {"table": "verified"},
    "cells": [{"cell": "table: </script> & SAM", "verdict": "verified", "runs": ["a"]}],
    "failures": [],
}


def test_verdicts_are_one_line_that_a_page_has_or_has_not(drawn: Project) -> None:
    page = render_page(drawn.now)
    assert data(page, "audit-data") is None
    audited = with_verdicts(page, AUDIT)
    assert data(audited, "audit-data")["cells"] == AUDIT["cells"]
    differing = [
        (one, other)
        for one, other in zip(page.splitlines(), audited.splitlines(), strict=True)
        if one != other
    ]
    assert len(differing) == 1
    assert "Not audited" in page
    assert "Not audited" not in audited
    assert 'Audit: <b class="good">passed</b>; printed places: 1 verified' in audited


def test_a_page_may_only_show_the_verdicts_of_the_receipt_beside_it(drawn: Project) -> None:
    (bare,) = accepted_pages(drawn.now)
    write_json(drawn.layout.audit, AUDIT)
    accepted = accepted_pages(drawn.now)
    assert accepted == (bare, with_verdicts(bare, AUDIT))
    written = write_page(drawn.now, AUDIT).read_text()
    assert written in accepted
    assert written.replace("verified", "mismatch") not in accepted


def test_a_page_that_was_audited_does_not_become_unaudited_by_being_made_again(drawn: Project) -> None:
    write_json(drawn.layout.audit, AUDIT)
    audited = write_page(drawn.now, AUDIT).read_text()
    assert write_page(drawn.now).read_text() == audited
    drawn.finish(drawn.run(architecture="resnet-small", method="sam", rho=0.05, seed=0), 50.0)
    changed = write_page(drawn.now).read_text()
    assert "Not audited since it was made" in changed
    assert data(changed, "audit-data") is None


def test_titles_are_escaped(drawn: Project) -> None:
    html = render_page(drawn.now)
    assert "A &lt; B &amp; C" in html
    assert "A < B" not in html
    assert 'alt="C &lt;&amp;&gt; D"' in html


def test_costs_come_from_provenance(drawn: Project) -> None:
    runs = drawn.runs(architecture="resnet-small", method="lets-sam")
    ended = len(drawn.matrix.runs) - 1  # one is interrupted
    assert len(runs) == 2
    text = " ".join(checked(drawn).text.split())
    assert (
        f"{ended} runs, {ended * 1.5:.0f} s of training in all, at most 100 MiB each, on cpu (Example CPU)"
        in text
    )


def test_hash_seeds_do_not_show(drawn: Project) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from lets.page.page import render_page; from lets.project import Project\n"
        "sys.stdout.write(render_page(Project.load(sys.argv[1], Path(sys.argv[2]))))"
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
        RecordError, match=r"sensitivity\.svg – is not drawn yet .* lets report .*--figure sensitivity"
    ):
        render_page(figures.now)
