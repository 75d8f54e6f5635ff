"""The audit of the page of claims and of the table beside the paper: a forged verdict is found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.audit.conftest import make_run, write_data
from tests.audit.found import reasons, verdicts

from lets.audit.cells import check_cells
from lets.audit.context import Context
from lets.claims.document import write_claims

PARAMS = """
profile: test
device: cpu
seeds: [0, 1]
training:
  epochs: 2
  batch_size: 128
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  clean:
    datasets: [digits]
    architectures: [resnet-small, wrn-small]
    methods: [sam, lets-sam]
    section: §4.1
  noise: {datasets: [digits], noise: [symmetric-40], architectures: [resnet-small], methods: [sam], section: §4.5}
tables:
  table1: {title: One, experiments: [clean], paper: 1}
  table4: {title: Four, experiments: [noise], columns: [architecture, noise], paper: 4}
  both: {kind: published, title: Both, experiments: [clean, noise]}
stand_ins: {digits: cifar10, resnet-small: resnet18, wrn-small: wrn28-10}
"""
PLACES = [
    f"both: {method} × Digits × clean labels × {architecture}"
    for architecture in ("ResNet (small)", "WideResNet (small)")
    for method in ("SAM", "LETS-SAM")
]
NOISY = "both: SAM × Digits × 40 % noise × ResNet (small)"


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path]) -> Path:
    def fill(project: Any) -> None:
        data = write_data(project.layout)
        for spec in project.matrix.runs.values():
            make_run(project.layout, spec, data[spec.noise])
        project.report()

    return make_project(PARAMS, fill)


def failures(project: Any) -> list[Any]:
    return list(check_cells(Context(project.now), {}).failures)


def test_untouched(project: Any) -> None:
    audit = project.audit()
    assert audit.failures == ()
    assert set(verdicts(audit)) >= {*PLACES, NOISY}
    assert "| LETS-SAM is more accurate than SAM, on all four architectures | §4.1 |" in (
        project.layout.claims.read_text()
    )


@pytest.mark.parametrize("suffix", ["md", "csv"])
def test_a_forged_verdict_is_found(project: Any, suffix: str) -> None:
    path = project.layout.claims.with_suffix(f".{suffix}")
    text = path.read_text()
    assert "not enough runs" in text
    path.write_text(text.replace("not enough runs", "supported", 1))
    (failure,) = failures(project)
    assert (failure.subject, failure.reason) == (str(path), "is not what the run records give")
    assert failure.force == (str(path),)


@pytest.mark.parametrize(
    ("there", "instead"),
    [("margin: 0.05 ", "margin: 5.00 "), ("is more accurate than SAM", "is as accurate as SAM")],
)
def test_a_claim_that_was_changed_after_the_page_was_made(project: Any, there: str, instead: str) -> None:
    path = project.layout.paper_claims
    path.write_text(path.read_text().replace(there, instead))
    assert str(project.layout.claims) in {failure.subject for failure in failures(project)}
    write_claims(project.now)
    assert str(project.layout.claims) not in {failure.subject for failure in failures(project)}


def test_a_run_that_changed_changes_the_page(project: Any) -> None:
    project.path(project.run("sam", 1), "history.csv").write_text("nonsense")
    assert "cells" in reasons(project.audit())


@pytest.mark.parametrize("suffix", ["md", "tex"])
@pytest.mark.parametrize(
    ("title", "place"),
    [
        ("SAM, ResNet (small) on Digits", PLACES[0]),
        ("LETS-SAM, WideResNet (small) on Digits", PLACES[3]),
        ("SAM, ResNet (small) on Digits, 40", NOISY),
    ],
)
def test_every_forged_cell_beside_the_paper(project: Any, suffix: str, title: str, place: str) -> None:
    path, separator = project.layout.table("both", suffix), {"md": "|", "tex": "&"}[suffix]
    lines = path.read_text().split("\n")
    start = {"md": f"| {title} ", "tex": f"{title} "}[suffix]
    at = next(i for i, line in enumerate(lines) if line.startswith(start))
    for column in (1, 2, 3):
        fields = lines[at].split(separator)
        field = column + (suffix == "md")
        digit = next(character for character in fields[field] if character.isdigit())
        fields[field] = fields[field].replace(digit, "3" if digit != "3" else "4", 1)
        path.write_text("\n".join([*lines[:at], separator.join(fields), *lines[at + 1 :]]))
        (failure,) = failures(project)
        assert (failure.subject, failure.cells) == (str(path), (place,))


def test_a_forged_number_of_the_csv(project: Any) -> None:
    path = project.layout.table("both", "csv")
    path.write_text(path.read_text().replace(",97.27,", ",97.28,", 1))
    (failure,) = failures(project)
    assert failure.cells == (PLACES[2],)
