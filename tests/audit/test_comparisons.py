"""The audit of comparison and ranking tables: every number is derived again, a forged one found and its place named."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.audit.conftest import make_run, write_data
from tests.audit.found import reasons, verdicts

from lets.audit.cells import check_cells
from lets.audit.context import Context

PARAMS = """
profile: test
device: cpu
seeds: [0, 1, 2]
training:
  epochs: 2
  batch_size: 128
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  clean: {datasets: [digits], architectures: [resnet-small, wrn-small], methods: [sam, lets-sam, asam, lets-asam]}
  noise: {datasets: [digits], noise: [symmetric-40], architectures: [resnet-small], methods: [sam, lets-sam]}
tables:
  pairs: {kind: comparison, title: Pairs, experiments: [clean, noise]}
  ranks: {kind: ranking, title: Ranks, experiments: [clean]}
"""
CLEAN = "Digits × clean labels × ResNet (small)"
NOISY = "LETS-SAM against SAM × Digits × 40 % noise × ResNet (small)"
PAIRS = [
    f"LETS-SAM against SAM × {CLEAN}",
    "LETS-SAM against SAM × Digits × clean labels × WideResNet (small)",
    NOISY,
    f"LETS-ASAM against ASAM × {CLEAN}",
    "LETS-ASAM against ASAM × Digits × clean labels × WideResNet (small)",
]
ROWS = [f"pairs: {pair}" for pair in PAIRS]
RANKS = [f"ranks: {method}" for method in ("SAM", "LETS-SAM", "ASAM", "LETS-ASAM")]


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path]) -> Path:
    def fill(project: Any) -> None:
        data = write_data(project.layout)
        for spec in project.matrix.runs.values():
            make_run(project.layout, spec, data[spec.noise])
        project.draw()

    return make_project(PARAMS, fill)


def blamed(project: Any, path: Path) -> tuple[str, ...]:
    """Return the cells of the one failure, which is of this file."""
    (failure,) = check_cells(Context(project.now), {}).failures
    assert (failure.subject, failure.force) == (str(path), (str(path),))
    return failure.cells


def forge(path: Path, parts: tuple[str, ...], field: int) -> None:
    """Change a digit, or the word, of one field of the first line with the last part, after one with the first."""
    separator = {".md": "|", ".tex": "&", ".csv": ","}[path.suffix]
    lines, place = path.read_text().split("\n"), 0
    for part in parts:
        place = next(i for i in range(place, len(lines)) if part in f"\n{lines[i]}")
    fields = lines[place].split(separator)
    digit = re.search("[0-9]", fields[field])
    there = digit.group() if digit else "undecided"
    fields[field] = fields[field].replace(there, {"7": "3", "undecided": "better"}.get(there, "7"), 1)
    lines[place] = separator.join(fields)
    path.write_text("\n".join(lines))


def test_untouched(project: Any) -> None:
    audit = project.audit()
    assert audit.failures == ()
    corrected = [f"{row} × Holm" for row in ROWS]
    assert verdicts(audit) == dict.fromkeys([*ROWS, *corrected, *RANKS], "executed but unverified")
    assert {check.name: check.examined for check in audit.checks}["cells"] == 14


@pytest.mark.parametrize("suffix", ["md", "tex"])
@pytest.mark.parametrize(
    ("block", "title", "row"),
    [
        ("LETS-SAM against SAM", "ResNet (small) on Digits ", 0),
        ("LETS-SAM against SAM", "ResNet (small) on Digits, 40 ", 2),
        ("LETS-ASAM against ASAM", "ResNet (small) on Digits ", 3),
    ],
)
def test_every_forged_cell_of_a_comparison(
    project: Any, suffix: str, block: str, title: str, row: int
) -> None:
    path = project.layout.table("pairs", suffix)
    whole, first = path.read_text(), 2 if suffix == "md" else 1
    for column in range(6):
        path.write_text(whole)
        forge(path, (block, title), first + column)
        assert blamed(project, path) == (ROWS[row] + (" × Holm" if column >= 4 else ""),)


@pytest.mark.parametrize(
    ("line", "row"),
    [("lets-sam,sam,digits,clean,resnet", 0), ("symmetric-40", 2), ("asam,digits,clean,wrn", 4)],
)
def test_every_forged_number_of_the_csv_of_a_comparison(project: Any, line: str, row: int) -> None:
    path = project.layout.table("pairs", "csv")
    whole = path.read_text()
    header = whole.split("\n")[0].split(",")
    numbers = header[header.index("n") : header.index("missing")]
    assert {"difference", "low", "effect", "t_p", "permutation_p", "holm_p", "verdict"} < set(numbers)
    for name in numbers:
        path.write_text(whole)
        forge(path, (line,), header.index(name))
        assert blamed(project, path) == (ROWS[row] + (" × Holm" if name in ("holm_p", "verdict") else ""),)


@pytest.mark.parametrize("suffix", ["md", "tex", "csv"])
def test_every_forged_cell_of_a_ranking(project: Any, suffix: str) -> None:
    path = project.layout.table("ranks", suffix)
    whole = path.read_text()
    for row in RANKS:
        title = row.removeprefix("ranks: ")
        line = {"md": f"\n| {title} |", "tex": f"\n{title} &", "csv": f"\nranks,{title.lower()},"}[suffix]
        columns = {"md": [2, 3], "tex": [1, 2], "csv": [3, 4, 6, 7, 8, 9, 10, 11, 12]}[suffix]
        for column in columns:
            path.write_text(whole)
            forge(path, (line,), column)
            if title != "SAM" or path.read_text() != whole:  # the reference has no number to forge
                assert blamed(project, path) == (row,)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("corrected as one family", "not corrected at all"),
        ("two-sided", "one-sided"),
        ("below 0.05", "below 0.5"),
    ],
)
def test_a_forged_note_belongs_to_no_place_and_is_found(project: Any, there: str, instead: str) -> None:
    path = project.layout.table("pairs", "md")
    assert there in path.read_text()
    path.write_text(path.read_text().replace(there, instead))
    assert blamed(project, path) == ()


def test_a_damaged_run_taints_its_pair_the_corrections_of_its_methods_and_all_ranks(project: Any) -> None:
    run = project.run("asam", 1)
    project.path(run, "history.csv").write_text("nonsense")
    found = verdicts(project.audit())
    tainted = {name for name, verdict in found.items() if verdict == "mismatch"}
    assert tainted == {ROWS[3], *(f"{row} × Holm" for row in ROWS[3:]), *RANKS}


def test_a_missing_run_leaves_them_incomplete(project: Any) -> None:
    run = project.run("lets-sam", 0, "symmetric-40")
    for path in project.layout.run_files(run):
        path.unlink()
    project.draw()
    audit = project.audit()
    missing = {name for name, verdict in verdicts(audit).items() if verdict == "missing"}
    assert missing == {ROWS[2], *(f"{row} × Holm" for row in ROWS[:3])}
    assert list(reasons(audit)) == ["matrix"]


def test_params_with_another_family_are_noticed(project: Any) -> None:
    """One pair less: every corrected p that was printed is now wrong."""
    text = project.file.read_text()
    project.file.write_text(text.replace("experiments: [clean, noise]", "experiments: [clean]"))
    assert set(reasons(project.audit())) == {"cells"}
