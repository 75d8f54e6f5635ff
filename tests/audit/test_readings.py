"""The audit of tables of starts and baselines, and of what they cost: a forged number is found and its place named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.audit.conftest import make_run, write_data
from tests.audit.found import reasons, verdicts
from tests.audit.test_comparisons import blamed, forge

PARAMS = """
profile: test
device: cpu
seeds: [0, 1, 2]
training:
  epochs: 2
  batch_size: 128
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
  val_batches: next
experiments:
  adam: &adam
    datasets: [digits]
    noise: [clean, symmetric-40]
    architectures: [resnet-small]
    methods: [lets-sam]
    vary: {rho: [0.05, 0.5]}
  letter:
    <<: *adam
    title: to the letter
    hyperparameters: {lets-sam: {preset: paper-literal}}
  fixed: {<<: *adam, methods: [sam]}
  longer: {<<: *adam, methods: [sam], training: {epochs: 3}}
tables:
  starts: {kind: starts, title: Starts, experiments: [letter, adam], margin: 1.0}
  against: {kind: baselines, title: Baselines, experiments: [letter, adam, fixed, longer]}
figures:
  pareto: {kind: pareto, title: Pareto, experiments: [letter, adam, fixed, longer]}
"""
PLACES = [
    f"{name} × LETS-SAM × Digits × {noise} × ResNet (small)"
    for noise in ("clean labels", "40 % noise")
    for name in ("letter", "adam")
]
PARETO = [
    f"pareto: {method} × {noise}"
    for noise in ("clean labels", "40 % noise")
    for method in ("LETS-SAM", "SAM")
]


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path]) -> Path:
    def fill(project: Any) -> None:
        data = write_data(project.layout)
        for spec in project.matrix.runs.values():
            make_run(project.layout, spec, data[spec.noise])
        project.draw()

    return make_project(PARAMS, fill)


def test_untouched(project: Any) -> None:
    audit = project.audit()
    assert audit.failures == ()
    rows = [
        f"{table}: {place}{end}"
        for table in ("starts", "against")
        for place in PLACES
        for end in ("", " × Holm")
    ]
    assert verdicts(audit) == dict.fromkeys([*rows, *PARETO], "executed but unverified")


@pytest.mark.parametrize("suffix", ["md", "tex"])
@pytest.mark.parametrize(
    ("table", "block", "title", "place", "columns", "corrected"),
    [
        ("starts", "LETS-SAM, ResNet (small) on Digits", "to the letter", 0, 8, 7),
        ("starts", "LETS-SAM, ResNet (small) on Digits, 40 ", "adam", 3, 8, 7),
        ("against", "at the radius that it starts from, ResNet", "adam", 1, 7, 6),
        (
            "against",
            "at the best radius of the grid, ResNet (small) on Digits, 40 ",
            "to the letter",
            2,
            7,
            6,
        ),
        ("against", "at equal passes, ResNet (small) on Digits, 40 ", "adam", 3, 7, 6),
    ],
)
def test_every_forged_cell(
    project: Any, suffix: str, table: str, block: str, title: str, place: int, columns: int, corrected: int
) -> None:
    path = project.layout.table(table, suffix)
    whole, first = path.read_text(), 2 if suffix == "md" else 1
    for column in range(columns):
        path.write_text(whole)
        forge(path, (block, title), first + column)
        assert blamed(project, path) == (f"{table}: {PLACES[place]}" + " × Holm" * (column >= corrected),)


@pytest.mark.parametrize(
    ("table", "line", "place", "last"),
    [
        ("starts", "starts,letter,lets-sam,digits,clean", 0, "start_matters"),
        ("starts", "starts,adam,lets-sam,digits,symmetric-40", 3, "start_matters"),
        ("against", "against,letter,lets-sam,digits,symmetric-40,resnet-small,passes", 2, "verdict"),
        ("against", "against,adam,lets-sam,digits,clean,resnet-small,best", 1, "verdict"),
    ],
)
def test_every_forged_number_of_the_csv(project: Any, table: str, line: str, place: int, last: str) -> None:
    path = project.layout.table(table, "csv")
    whole = path.read_text()
    header = whole.split("\n")[0].split(",")
    for name in header[header.index("n") : header.index(last)]:
        path.write_text(whole)
        forge(path, (line,), header.index(name))
        assert blamed(project, path) == (f"{table}: {PLACES[place]}" + " × Holm" * (name == "holm_p"),)


def test_a_forged_mark_of_the_figure(project: Any) -> None:
    path = project.layout.figure("pareto", "csv")
    whole = path.read_text()
    header = whole.split("\n")[0].split(",")
    for name in ("passes", "mean", "sd", "n", "low", "high"):
        path.write_text(whole)
        forge(path, ("clean,sam,longer,False",), header.index(name))
        assert blamed(project, path) == (PARETO[1],)


def test_a_damaged_fixed_radius_taints_what_it_is_a_baseline_of(project: Any) -> None:
    run = project.run("sam", 1, "symmetric-40")
    project.path(run, "provenance.json").write_text("nonsense")
    found = verdicts(project.audit())
    tainted = {name for name, verdict in found.items() if verdict == "mismatch"}
    corrected = {f"against: {place} × Holm" for place in PLACES[2:4]}
    assert tainted == {f"against: {PLACES[2]}", f"against: {PLACES[3]}", *corrected, PARETO[3]}


def test_a_missing_start_is_named_where_it_counts(project: Any) -> None:
    run = project.run("lets-sam", 0, "symmetric-40")
    for path in project.layout.run_files(run):
        path.unlink()
    project.draw()
    audit = project.audit()
    assert list(reasons(audit)) == ["matrix"]
    missing = {name for name, verdict in verdicts(audit).items() if verdict == "missing"}
    mine = PLACES[3]  # the first experiment of the file
    assert {one for one in missing if "Holm" not in one} == {f"starts: {mine}", f"against: {mine}", PARETO[2]}
