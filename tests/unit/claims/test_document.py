"""The page of claims and the table of the paper's numbers, as text."""

import csv
import io
import shutil
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.golden.factory import Project
from tests.unit.tables.test_latex import compiled

from lets.claims.document import claims_texts, write_claims
from lets.page.page import render_page
from lets.tables.render import render

CLAIM = {
    "section": "§4.1",
    "claim": "LETS-SAM is better",
    "kind": "better",
    "pairs": [["lets-sam", "sam"]],
    "datasets": ["cifar10"],
    "noise": ["clean", "symmetric-20", "symmetric-40", "symmetric-60"],
    "architectures": ["resnet18"],
}


def made(tmp_path: Path, **content: Any) -> Project:
    grid = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["sam", "lets-sam"]}
    noise = CLAIM["noise"][:3]
    project = Project(
        tmp_path,
        experiments={"clean": {**grid, "noise": noise, "section": "§4.1"}},
        stand_ins={"digits": "cifar10", "resnet-small": "resnet18"},
        **content,
    )
    elsewhere = {**CLAIM, "section": "§4.2", "claim": "LETS-SAM is better there", "noise": ["clean"]}
    claims = {"claims": {"first": CLAIM, "elsewhere": elsewhere}}
    project.layout.paper_claims.write_text(yaml.safe_dump(claims, allow_unicode=True, sort_keys=False))
    for run in project.runs():
        project.finish(run, 90 + run.seed + (1 + 0.1 * noise.index(run.noise)) * (run.method == "lets-sam"))
    return project


def texts(project: Project) -> tuple[str, list[dict[str, str]]]:
    found = claims_texts(project.now)
    table = list(csv.DictReader(io.StringIO(found[project.layout.claims_csv])))
    return found[project.layout.claims], table


def test_a_verdict_with_its_effect_its_comparisons_and_its_runs(tmp_path: Path) -> None:
    page, table = texts(made(tmp_path))
    # 1.1 ± 4.3027 · 0.1/√3, and 1 - t/√(t² + 2) with t = 11 √3
    assert (
        "| LETS-SAM is better | §4.1 | **supported** | +1.10 points | +0.85 to +1.35 | 0.003 | 3 of 4 | 2 |"
        in page
    )
    assert "### first: supported" in page
    assert (
        "Mean over 3 comparisons: +1.10 points (+0.85 to +1.35); t test: p = 0.003, after Holm 0.003." in page
    )
    assert "As claimed in 3 of 3 comparisons." in page
    assert "| LETS-SAM against SAM | ResNet (small) on Digits, 20 % noise | 2 | +1.10 points | — |" in page
    assert (
        "No experiment of §4.1 in this profile compares them for ResNet-18 on CIFAR-10, 60 % noise." in page
    )
    assert "<summary>12 runs</summary>" in page
    assert "digits/clean/resnet-small/sam/{seed-0-" in page
    assert [line["verdict"] for line in table] == ["supported", "not enough runs"]
    assert float(table[0]["difference"]) == pytest.approx(1.1)
    assert float(table[0]["low"]) == pytest.approx(1.1 - 4.302653 * 0.1 / sqrt(3), rel=1e-5)
    assert (table[0]["units"], table[0]["unit"], table[0]["settings_of_paper"]) == ("3", "comparison", "4")
    assert len(table[0]["runs"].split()) == 12


def test_a_claim_that_the_profile_has_no_runs_for_is_not_dropped(tmp_path: Path) -> None:
    page, table = texts(made(tmp_path))
    assert "| LETS-SAM is better there | §4.2 | not enough runs | — | — | — | 0 of 1 | 0 |" in page
    assert "less than the 3" not in page  # for all others the reason is that there is no experiment
    assert "No experiment of §4.2 in this profile compares them for ResNet-18 on CIFAR-10." in page
    assert (table[1]["difference"], table[1]["runs"]) == ("", "")


def test_missing_runs_are_named(tmp_path: Path) -> None:
    project = made(tmp_path)
    run = project.run(method="sam", noise="clean", seed=1)
    project.layout.run_file(run.id, "metrics.json").unlink()
    page, table = texts(project)
    assert "### first: not enough runs" in page
    assert f"Interrupted: 1 run: {run.id}." in page
    assert (table[0]["verdict"], table[0]["to_do"]) == ("not enough runs", run.id)


@pytest.mark.parametrize("reduced", ["", "one epoch"])
def test_the_scale_is_said_first(tmp_path: Path, reduced: str) -> None:
    project = made(tmp_path, reduced=reduced)
    page, _ = texts(project)
    third = page.split("\n")[2]
    assert third.startswith(
        "> These are not the paper's experiments: Digits for CIFAR-10; ResNet (small) for ResNet-18"
    )
    assert ("; one epoch." in third) is bool(reduced)
    html = render_page(project.now)
    assert html.index("These are not the paper") < html.index("<b>supported</b>") < html.index('id="runs"')


def test_the_files_are_byte_stable(tmp_path: Path) -> None:
    project = made(tmp_path)
    paths = write_claims(project.now)
    assert paths == [project.layout.claims, project.layout.claims_csv]
    before = [path.read_bytes() for path in paths]
    write_claims(project.now)
    assert [path.read_bytes() for path in paths] == before


PUBLISHED = {"kind": "published", "title": "Paper and ours", "experiments": ["clean", "start"]}


def beside(tmp_path: Path, **content: Any) -> Project:
    """SAM and ESAM of Table 1 and two starts of Table 5, as the paper ran them."""
    grid = {"datasets": ["cifar10"], "architectures": ["resnet18"]}
    start = {**grid, "methods": ["lets-asam"], "vary": {"rho": [0.01, 1.0]}}
    project = Project(
        tmp_path,
        experiments={"clean": {**grid, "methods": ["sam", "esam"]}, "start": start},
        tables={
            "table1": {"title": "1", "experiments": ["clean"], "paper": 1},
            "table5": {
                "title": "5",
                "experiments": ["start"],
                "rows": "rho",
                "columns": ["dataset"],
                "paper": 5,
            },
            "both": {**PUBLISHED, **content.pop("table", {})},
        },
        **content,
    )
    for run in project.runs():
        project.finish(run, 97.0 + 0.2 * run.seed)
    return project


def rendered(project: Project) -> dict[str, str]:
    return render(project.now.table("both"))


def test_z_is_the_difference_over_both_standard_errors(tmp_path: Path) -> None:
    project = beside(tmp_path)
    found = rendered(project)
    # ours 97.1, sd² = 0.02, n = 2; the paper's SAM 96.52 ± 0.12, n = 3
    z = 0.58 / sqrt(0.02 / 2 + 0.12**2 / 3)
    lines = list(csv.DictReader(io.StringIO(found["csv"])))
    assert float(lines[0]["z"]) == pytest.approx(z)
    assert (
        f"| SAM, ResNet-18 on CIFAR-10 | 96.52 ± 0.12 (3) [a] | 97.10 ± 0.14 (2) | +0.58 | {z:+.1f} |"
        in found["md"]
    )
    assert "| LETS-ASAM, ρ₀ = 0.01, ResNet-18 on CIFAR-10 | 96.79 ± 0.09 (3) | 97.10" in found["md"]
    assert (
        "[a] Likely quoted, and not trained in the paper's own setup: equal to the ESAM paper" in found["md"]
    )
    assert [line["paper_table"] for line in lines] == ["1", "1", "5", "5"]
    assert "not the paper's experiments" not in found["md"]
    assert r"LETS-ASAM, $\rho$$_0$ = 0.01, ResNet-18 on CIFAR-10 & 96.79" in found["tex"]


def test_a_table_of_more_than_a_page_runs_over_pages(tmp_path: Path) -> None:
    project = beside(tmp_path)
    assert r"\begin{table}" in rendered(project)["tex"]
    starts = [0.01 * number for number in range(1, 47)]
    grid = {
        "datasets": ["cifar10"],
        "architectures": ["resnet18"],
        "methods": ["lets-sam"],
        "vary": {"rho": starts},
    }
    table = {"title": "Long", "experiments": ["grid"], "rows": "rho"}
    project = Project(tmp_path, experiments={"grid": grid}, tables={"both": table})
    tex = rendered(project)["tex"]
    assert r"\usepackage{booktabs,longtable}" in tex
    assert (tex.count(r"\endhead"), tex.count(r"\begin{table}"), tex.count(r"\caption")) == (1, 0, 1)
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex here: apt-get install texlive-latex-recommended")
    said = compiled(tmp_path, tex)
    assert "2 pages" in said
    assert "Overfull" not in said


def test_there_is_no_z_for_one_seed_or_a_smaller_training(tmp_path: Path) -> None:
    project = beside(tmp_path / "reduced", reduced="15 epochs instead of 200")
    assert (
        "(15 epochs instead of 200): a difference says nothing, and there is no z." in rendered(project)["md"]
    )
    numbers = project.params.tables["both"].numbers(project.now)
    assert [one.z for one in numbers] == [None] * 4
    assert numbers[0].difference == pytest.approx(0.58)
    project = beside(tmp_path / "one", seeds=[0])
    numbers = project.params.tables["both"].numbers(project.now)
    assert [one.z for one in numbers] == [None] * 4
    assert "96.52 ± 0.12 (3) [a] | 97.00 (1) | +0.48 | — |" in rendered(project)["md"]


def test_a_stand_in_has_no_z(tmp_path: Path) -> None:
    grid = {"datasets": ["digits"], "architectures": ["resnet18"], "methods": ["sam"]}
    project = Project(
        tmp_path,
        experiments={"clean": grid},
        tables={
            "table1": {"title": "1", "experiments": ["clean"], "paper": 1},
            "both": {**PUBLISHED, "experiments": ["clean"]},
        },
        stand_ins={"digits": "cifar10"},
    )
    for run in project.runs():
        project.finish(run, 97.0 + 0.2 * run.seed)
    assert (
        "| SAM, ResNet-18 on Digits | 96.52 ± 0.12 (3) [a] | 97.10 ± 0.14 (2) | +0.58 | — |"
        in rendered(project)["md"]
    )


def test_only_what_is_selected_is_shown_and_missing_runs_are_named(tmp_path: Path) -> None:
    project = beside(tmp_path, table={"experiments": ["clean"]})
    run = project.run(method="sam", seed=1)
    project.layout.run_file(run.id, "metrics.json").unlink()
    md = rendered(project)["md"]
    assert "LETS-ASAM" not in md
    assert "97.00 (1) (of 2)" in md
    assert f"Interrupted: 1 run: {run.id}." in md
