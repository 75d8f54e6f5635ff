"""Marks, notes and the words that stand for numbers."""

from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.tables.render import plain_text, render
from lets.tables.table import Table

CLEAN = {
    "datasets": ["digits"],
    "architectures": ["resnet-small"],
    "methods": ["erm", "sam", "lets-sam", "asam"],
}


def project(root: Path, experiment: dict[str, object] = CLEAN, **table: object) -> Project:
    content = {"kind": "pivot", "title": "T", "experiments": ["clean"], **table}
    return Project(root, experiments={"clean": experiment}, tables={"table": content})


def table_of(project: Project) -> Table:
    return project.now.table("table")


def fill(project: Project, **accuracies: tuple[float, ...]) -> None:
    for method, values in accuracies.items():
        for run, value in zip(project.runs(method=method.replace("_", "-")), values, strict=False):
            project.finish(run, value, gap=value / 100)


def marks(table: Table) -> tuple[list[str], list[str]]:
    rows = [(title, cells[0]) for title, cells in table.blocks[0].rows]
    return [title for title, e in rows if e.best], [title for title, e in rows if e.best_of_group]


def test_ties_as_printed_share_the_mark(tmp_path: Path) -> None:
    p = project(tmp_path)
    fill(p, erm=(90.0, 90.0), sam=(95.001, 95.001), lets_sam=(95.0, 95.0), asam=(94.0, 94.0))
    assert marks(table_of(p)) == (["SAM", "LETS-SAM"], [])


def test_lower_is_better_for_a_gap(tmp_path: Path) -> None:
    p = project(tmp_path, metric="generalization_gap", groups=[["sam", "lets-sam"]])
    fill(p, erm=(40.0, 40.0), sam=(20.0, 20.0), lets_sam=(10.0, 10.0), asam=(30.0, 30.0))
    assert marks(table_of(p)) == (["LETS-SAM"], ["LETS-SAM"])
    assert table_of(p).notes[0].startswith("Generalization gap (nats).")
    assert table_of(p).blocks[0].rows[0][1][0].text == "0.400 ± 0.000"


def test_nothing_is_best_of_a_radius(tmp_path: Path) -> None:
    p = project(tmp_path, metric="rho")
    fill(p, erm=(1.0, 1.0), sam=(1.0, 1.0), lets_sam=(1.0, 1.0), asam=(1.0, 1.0))
    assert marks(table_of(p)) == ([], [])


@pytest.mark.parametrize(
    ("ends", "marked"), [((0.05, 0.0504), True), ((0.05, 0.0506), False), ((0.0494, 0.0494), False)]
)
def test_a_radius_that_stays_is_marked(ends: tuple[float, float], marked: bool, tmp_path: Path) -> None:
    """The start is .05: it moves by 1 % from .0495 down and from .0505 up."""
    p = project(tmp_path)
    fill(p, erm=(90.0, 90.0), sam=(91.0, 91.0), asam=(91.0, 91.0))
    for run, rho in zip(p.runs(method="lets-sam"), ends, strict=True):
        p.finish(run, 92.0, rho=rho)
    found = {title: cells[0].text for title, cells in table_of(p).blocks[0].rows}
    assert found["LETS-SAM"] == "92.00 ± 0.00" + "†" * marked
    assert not any("†" in text for title, text in found.items() if title != "LETS-SAM")
    assert sum(note.startswith("†") for note in table_of(p).notes) == marked


def test_no_winner_while_a_run_is_missing(tmp_path: Path) -> None:
    p = project(tmp_path, groups=[["sam", "lets-sam"], ["erm", "asam"]])
    fill(p, erm=(90.0,), sam=(95.0, 95.0), lets_sam=(96.0, 96.0), asam=(94.0, 94.0))
    assert marks(table_of(p)) == ([], ["LETS-SAM"])


def test_a_survivor_of_divergence_does_not_win(tmp_path: Path) -> None:
    p = project(tmp_path)
    fill(p, erm=(99.0,), sam=(95.0, 95.0), lets_sam=(96.0, 96.0), asam=(94.0, 94.0))
    p.diverge(p.run(method="erm", seed=1))
    assert marks(table_of(p)) == (["LETS-SAM"], [])
    (cell,) = table_of(p).blocks[0].rows[0][1]
    assert (cell.text, cell.note) == ("99.00", "n=1 of 2, 1 diverged")


def test_words_for_cells_without_a_number(tmp_path: Path) -> None:
    p = project(tmp_path)
    p.diverge(p.run(method="sam", seed=0))
    p.diverge(p.run(method="sam", seed=1))
    p.diverge(p.run(method="asam", seed=0))
    texts = {title: (e.text, e.note) for title, (e,) in table_of(p).blocks[0].rows}
    assert texts == {
        "ERM": ("—", ""),
        "SAM": ("diverged", ""),
        "LETS-SAM": ("—", ""),
        "ASAM": ("diverged", "n=0 of 2, 1 diverged"),
    }
    assert table_of(p).notes[0] == "Test accuracy (%). No finished run."


def test_one_seed_has_no_deviation(tmp_path: Path) -> None:
    p = project(tmp_path, {**CLEAN, "seeds": [3]})
    fill(p, erm=(90.0,), sam=(95.0,), lets_sam=(96.0,), asam=(94.0,))
    assert table_of(p).blocks[0].rows[1][1][0].text == "95.00"
    assert table_of(p).notes[0] == "Test accuracy (%). One seed, hence no standard deviation."


def test_two_column_fields_become_blocks(tmp_path: Path) -> None:
    experiment = {
        **CLEAN,
        "architectures": ["vit-small", "resnet-small"],
        "noise": ["symmetric-20", "symmetric-40-exclude-true"],
    }
    p = project(tmp_path, experiment, columns=["architecture", "noise"])
    p.finish(p.run(architecture="vit-small", noise="symmetric-20", method="sam", seed=0), 77.0)
    found = table_of(p)
    assert found.columns == ("20 % noise", "40 % noise, true label excluded")
    assert [block.title for block in found.blocks] == ["ViT (small)", "ResNet (small)"]
    assert [len(block.rows) for block in found.blocks] == [4, 4]
    assert [cell.text for cell in found.blocks[0].rows[1][1]] == ["77.00", "—"]
    text = render(p.now.table("table"))["md"]
    widths = {line.count(" |") for line in text.splitlines() if line.startswith("|")}
    assert widths == {3}


def test_what_was_not_asked_for_stays_blank(tmp_path: Path) -> None:
    other = {**CLEAN, "architectures": ["vit-small"], "methods": ["sam"]}
    table = {"kind": "pivot", "title": "T", "experiments": ["clean", "other"]}
    p = Project(tmp_path, experiments={"clean": CLEAN, "other": other}, tables={"table": table})
    rows = dict(table_of(p).blocks[0].rows)
    assert [(cell.text, cell.hover != "") for cell in rows["ERM"]] == [("—", True), ("", False)]
    assert [cell.text for cell in rows["SAM"]] == ["—", "—"]


def test_rows_and_titles_of_tables_5_and_6(tmp_path: Path) -> None:
    base = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["lets-sam"]}
    radii = project(
        tmp_path / "5", {**base, "vary": {"rho": [0.01, 1, 1.5]}}, rows="rho", columns=["dataset"]
    )
    assert table_of(radii).corner == "Initial radius ρ₀"
    assert [title for title, _ in table_of(radii).blocks[0].rows] == ["0.01", "1", "1.5"]
    metrics = {**base, "vary": {"metric": ["gap", "half-squared-gap"]}}
    objectives = project(tmp_path / "6", metrics, rows="metric", columns=["dataset"])
    titles = [title for title, _ in table_of(objectives).blocks[0].rows]
    assert titles == ["Generalization gap", "½ (generalization gap)²"]


def test_many_missing_runs_are_counted_not_all_named(tmp_path: Path) -> None:
    p = project(tmp_path, {**CLEAN, "seeds": list(range(5))})
    note = table_of(p).notes[-1]
    assert note.startswith("Missing: 20 runs: digits/clean/resnet-small/erm/{seed-0-")
    assert note.endswith("; and 8 more (lets status --runs).")
    csv = render(p.now.table("table"))["csv"]
    assert csv.count("/seed-") == 20


def test_hover_names_interval_and_runs(tmp_path: Path) -> None:
    p = project(tmp_path)
    fill(p, sam=(95.0, 97.0))
    hover = table_of(p).blocks[0].rows[1][1][0].hover
    assert "95 % interval 83.29 to 100.00" in hover  # 96 ± 12.706 · √2/√2, and no accuracy is above 100
    assert all(run.id in hover for run in p.runs(method="sam"))


@pytest.mark.parametrize("title", ["a | b", "a_b & c % d # e $ f", "{x} \\ ~ ^"])
def test_titles_survive_every_markup(tmp_path: Path, title: str) -> None:
    p = project(tmp_path, title=title)
    text = render(p.now.table("table"))
    assert text["md"].startswith(f"**{title}**")
    caption = next(line for line in text["tex"].splitlines() if line.startswith(r"\caption{"))[9:-1]
    stripped = (
        caption.replace(r"\textbackslash{}", "")
        .replace(r"\textasciitilde{}", "")
        .replace(r"\textasciicircum{}", "")
        .replace("$|$", "")
    )
    assert not any(stripped[i] in "&%$#_{}" and stripped[i - 1] != "\\" for i in range(len(stripped)))


def test_in_a_terminal_columns_are_aligned_and_the_best_has_a_star(tmp_path: Path) -> None:
    p = project(
        tmp_path, {**CLEAN, "methods": ["erm", "sam"], "noise": ["clean", "symmetric-40"]}, columns=["noise"]
    )
    for run in p.matrix.runs.values():
        p.finish(run, {"erm": 9.0, "sam": 95.0}[run.method] + run.seed)
    assert plain_text(table_of(p)).splitlines()[:5] == [
        "T",
        "",
        "Method   clean labels     40 % noise",
        "ERM       9.50 ± 0.71    9.50 ± 0.71",
        "SAM     95.50 ± 0.71*  95.50 ± 0.71*",
    ]
    assert plain_text(table_of(p)).endswith("seeds.\n*: best of its column.")
