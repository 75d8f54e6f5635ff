"""A comparison table as it is printed."""

import csv
import io
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.page.page import render_page
from lets.tables.render import render

METHODS = [
    "sam",
    "lets-sam",
    "asam",
    "lets-asam",
    "gsam",
    "lets-gsam",
    "rst",
    "lets-rst",
    "esam",
    "lets-esam",
]
ITEM = {"kind": "comparison", "title": "A & B", "experiments": ["clean"]}
GRID = {
    "datasets": ["digits"],
    "architectures": ["resnet-small"],
    "noise": ["symmetric-40"],
    "methods": METHODS,
    "seeds": [0, 1, 2],
}
ACCURACIES = {
    "sam": (90.0, 90.0, 90.0),
    "lets-sam": (92.9, 93.0, 93.1),  # better
    "asam": (90.0, 90.0, 90.0),
    "lets-asam": (91.0, 92.0, 93.0),  # t = 2√3: p = 0.074, undecided
    "gsam": (90.1, 90.2, 90.3),
    "lets-gsam": (90.0, 90.1, 90.2),  # always 0.1 less, as far as floats can tell
    "rst": (90.0,),
    "lets-rst": (90.5, 80.0),  # one seed in common
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return made(tmp_path)


def made(root: Path, **item: object) -> Project:
    project = Project(root, experiments={"clean": GRID}, tables={"pairs": {**ITEM, **item}})
    for method, values in ACCURACIES.items():
        for seed, value in enumerate(values):
            project.finish(project.run(method=method, seed=seed), value, gap=value / 100)
    return project


def rendered(project: Project) -> dict[str, str]:
    return render(project.now.table("pairs"))


def test_a_block_per_pair_and_a_row_per_setting(project: Project) -> None:
    lines = rendered(project)["md"].splitlines()
    place = "| ResNet (small) on Digits, 40 % noise |"
    assert lines[0] == "**A & B**"
    assert lines[2] == "| Setting | Seeds | Difference | 95 % interval | t p | Holm p | Verdict |"
    assert lines[4:14] == [
        "| *LETS-SAM against SAM* |  |  |  |  |  |  |",
        f"{place} 3 | +3.00 | +2.75 to +3.25 | <0.001 | <0.001 | better |",
        "| *LETS-ASAM against ASAM* |  |  |  |  |  |  |",
        f"{place} 3 | +2.00 | -0.48 to +4.48 | 0.074 | 0.074 | undecided |",
        "| *LETS-GSAM against GSAM* |  |  |  |  |  |  |",
        f"{place} 3 | -0.10 | — | — | — | no spread |",
        "| *LETS-RST against RST* |  |  |  |  |  |  |",
        f"{place} 1 (of 3) | +0.50 | — | — | — | one seed |",
        "| *LETS-ESAM against ESAM* |  |  |  |  |  |  |",
        f"{place} 0 (of 3) | — | — | — | — | no runs |",
    ]


def test_the_notes_say_what_was_corrected_and_what_is_missing(project: Project) -> None:
    text = rendered(project)["md"]
    assert "- Test accuracy (%); higher is better." in text
    assert "Holm p: the t p of the rows of a block, corrected as one family." in text
    assert "- Equal, no spread: the difference is the same for every seed" in text
    assert "- Missing: 9 runs: digits/symmetric-40/resnet-small/lets-rst/seed-2-" in text
    assert "nan" not in text


@pytest.mark.parametrize(("seeds", "shown"), [(5, False), (6, True)])
def test_a_permutation_that_can_never_decide_stands_in_the_csv_alone(
    tmp_path: Path, seeds: int, shown: bool
) -> None:
    """Of five seeds the smallest p is 2/2⁵ = .0625."""
    grid = {**GRID, "seeds": [*range(seeds)]}
    several = Project(tmp_path, experiments={"clean": grid}, tables={"pairs": ITEM})
    for run in several.matrix.runs.values():
        several.finish(run, 90.0 + run.seed)
    text = rendered(several)
    assert ("| Perm. p |" in text["md"], "flipped in all ways" in text["md"]) == (shown, shown)
    row = f"| {seeds} | +0.00 | — | — |{' 1.000 |' if shown else ''} — | equal |"
    assert text["md"].count(row) == 5
    assert {row["permutation_p"] for row in csv.DictReader(io.StringIO(text["csv"]))} == {"1.0"}


def test_less_of_a_gap_is_better(tmp_path: Path) -> None:
    text = rendered(made(tmp_path, metric="generalization_gap"))["md"]
    assert "Generalization gap (nats); lower is better." in text
    assert "| 3 | +0.030 | +0.028 to +0.032 | <0.001 | <0.001 | worse |" in text


def test_latex_is_ascii_and_escaped(project: Project) -> None:
    text = rendered(project)["tex"]
    assert text.isascii()
    assert r"\begin{tabular}{lrrrrrr}" in text
    assert r"\textit{LETS-SAM against SAM}" in text
    assert r"40 \% noise & 3 & +3.00 & +2.75 to +3.25 & $<$0.001 & $<$0.001 & better \\" in text


def test_the_csv_has_every_number(project: Project) -> None:
    rows = list(csv.DictReader(io.StringIO(rendered(project)["csv"])))
    assert [row["row.method"] for row in rows] == METHODS[1::2]
    first, second, third, fourth, last = rows
    assert (first["table"], first["row.against"], first["row.noise"]) == ("pairs", "sam", "symmetric-40")
    assert (second["n"], second["expected"], second["difference"], second["sd"]) == ("3", "3", "2.0", "1.0")
    assert (float(second["low"]), float(second["t_p"])) == (-0.484138, 0.0741799)
    assert (second["effect"], second["permutation_p"], second["seeds"]) == ("2.0", "0.25", "0 1 2")
    assert first["holm_p"] == first["t_p"]
    assert (third["verdict"], third["t_p"], third["low"]) == ("no spread", "", "")
    assert (fourth["n"], fourth["difference"], fourth["permutation_p"]) == ("1", "0.5", "")
    assert (last["n"], last["difference"], last["verdict"]) == ("0", "", "no runs")
    assert len(last["missing"].split()) == 6
    assert first["runs"].split()[0] == project.run(method="lets-sam", seed=0).id


def test_the_page_has_the_table(project: Project) -> None:
    page = render_page(project.now)
    assert "LETS-ASAM against ASAM" in page
    assert "pairs.csv" in page
