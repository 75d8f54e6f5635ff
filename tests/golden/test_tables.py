"""The renderings of a sweep whose means, deviations and marks were worked out by hand."""

import csv
import io
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.tables.render import render, write_table


def rendered(project: Project, name: str = "table1") -> dict[str, str]:
    return render(project.now.table(name))


def test_markdown(sweep: Project) -> None:
    missing = sweep.run(architecture="wrn-small", method="sam", seed=1).id
    first, second = (run.id for run in sweep.runs(architecture="wrn-small", method="lets-sam"))
    folder, _, last = first.rpartition("/")
    assert rendered(sweep)["md"] == "\n".join(
        [
            "**Accuracy (%) & more**",
            "",
            "| Method | ResNet (small) | WideResNet (small) |",
            "| :-- | --: | --: |",
            "| ERM | 95.50 ± 0.71 | 91.00 ± 1.41 |",
            "| SAM | 96.50 ± 0.71 | 91.25 (n=1 of 2) |",
            "| LETS-SAM | <ins>**97.25 ± 0.35**</ins> | diverged |",
            "",
            "- Test accuracy (%). Mean ± sample standard deviation (ddof = 1) over n = 1 to 2 seeds.",
            "- Bold: best of its column; underlined: best of its comparison group.",
            "- Stand-ins: Digits for CIFAR-10, ResNet (small) for ResNet-18: "
            "not comparable with the paper's numbers.",
            f"- Diverged: 2 runs: {folder}/{{{last}, {second.rpartition('/')[2]}}}.",
            f"- Missing: 1 run: {missing}.",
            "",
        ]
    )


def test_csv(sweep: Project) -> None:
    lines = list(csv.DictReader(io.StringIO(rendered(sweep)["csv"])))
    cells = {(line["row.method"], line["column.architecture"]): line for line in lines}
    assert len(lines) == 6
    assert {line["table"] for line in lines} == {"table1"}
    assert {line["metric"] for line in lines} == {"test_accuracy"}
    best = cells["lets-sam", "resnet-small"]
    assert float(best["mean"]) == 97.25
    assert float(best["sd"]) == pytest.approx(math.sqrt(1 / 8), abs=1e-15)
    assert (best["n"], best["expected"], best["paper_mean"], best["paper_sd"]) == ("2", "2", "96.81", "0.02")
    assert best["runs"].split() == [
        run.id for run in sweep.runs(architecture="resnet-small", method="lets-sam")
    ]
    assert float(cells["erm", "wrn-small"]["sd"]) == pytest.approx(math.sqrt(2), abs=1e-15)
    partial = cells["sam", "wrn-small"]
    assert (partial["mean"], partial["sd"], partial["n"], partial["expected"]) == ("91.25", "", "1", "2")
    assert (partial["paper_mean"], partial["diverged"]) == ("", "")
    assert partial["missing"] == sweep.run(architecture="wrn-small", method="sam", seed=1).id
    diverged = cells["lets-sam", "wrn-small"]
    assert (diverged["mean"], diverged["n"], diverged["runs"]) == ("", "0", "")
    assert len(diverged["diverged"].split()) == 2


def test_latex_rows(sweep: Project) -> None:
    text = rendered(sweep)["tex"]
    assert r"\caption{Accuracy (\%) \& more}" in text
    assert r"Method & ResNet (small) & WideResNet (small) \\" in text
    lines = text.splitlines()
    start = lines.index(r"\midrule")
    assert lines[start + 1 : start + 6] == [
        r"ERM & 95.50 $\pm$ 0.71 & 91.00 $\pm$ 1.41 \\",
        r"\midrule",
        rf"SAM & 96.50 $\pm$ 0.71 & {stacked('91.25', '(n=1 of 2)')} \\",
        r"LETS-SAM & \underline{\textbf{97.25 $\pm$ 0.35}} & diverged \\",
        r"\bottomrule",
    ]


def test_the_papers_number_stands_below_ours_where_it_is_of_the_same_data_and_network(tmp_path: Path) -> None:
    grid = {"datasets": ["cifar10"], "architectures": ["resnet18"], "methods": ["erm"]}
    table = {"kind": "pivot", "title": "T", "experiments": ["clean"], "paper": 1}
    project = Project(tmp_path, experiments={"clean": grid}, tables={"table1": table})
    for run in project.runs(method="erm"):
        project.finish(run, 95.0 + run.seed)
    text = rendered(project)
    assert "| ERM | 95.50 ± 0.71<br><sub>paper 95.41 ± 0.03</sub> |" in text["md"]
    assert "- Small print below our numbers: Table 1 of the paper, n = 3." in text["md"]
    assert rf"ERM & {stacked('95.50 $±$ 0.71', italic('95.41 $±$ 0.03'))} \\" in text["tex"]


def stacked(text: str, below: str) -> str:
    space = " " if below.startswith("(") else ""
    lines = rf"{text} \\ \scriptsize{space}{below}".replace("±", r"\pm")
    return rf"\begin{{tabular}}[t]{{@{{}}r@{{}}}}{lines}\end{{tabular}}"


def italic(text: str) -> str:
    return rf"\textit{{{text}}}"


def test_latex_compiles(sweep: Project, tmp_path: Path) -> None:
    (path,) = (p for p in write_all(sweep) if p.suffix == ".tex")
    text = path.read_text()
    plain = re.sub(r"\\[\\{}&%]", "", text)
    assert plain.count("{") == plain.count("}")
    assert not re.search(r"[^\x00-\x7f]", text), "every special character has its LaTeX form"
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex here; braces and characters were checked")
    document = "\n".join(
        [r"\documentclass{article}", r"\usepackage{booktabs}", r"\begin{document}", text, r"\end{document}"]
    )
    (tmp_path / "t.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def write_all(project: Project) -> list[Path]:
    return write_table(project.now.table("table1"), project.layout)


def test_written_bytes_are_the_rendered_ones(sweep: Project) -> None:
    paths = write_all(sweep)
    assert paths == sweep.layout.tables("table1")
    assert {path.suffix[1:]: path.read_bytes().decode() for path in paths} == rendered(sweep)


def test_a_changed_metric_changes_its_cell_alone(sweep: Project) -> None:
    before = rendered(sweep)["csv"].splitlines()
    run = sweep.run(architecture="resnet-small", method="sam", seed=0)
    sweep.edit_metrics(run, test_accuracy=98.0)
    after = rendered(sweep)["csv"].splitlines()
    (changed,) = (new for old, new in zip(before, after, strict=True) if old != new)
    assert changed.startswith("table1,sam,resnet-small,test_accuracy,97.5,")
