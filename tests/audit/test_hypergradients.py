"""The audit of a hyper-gradient analysis: one that is whole passes, edits are found."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.audit.found import reasons, verdicts

import lets.data
from lets.analyses.compute import compare_hypergradients
from lets.analyses.hypergradient import Probe, probes_of, probes_text, read_probes
from lets.data.dataset import write_processed
from lets.files import write_text
from lets.train import train_run

PARAMS = """
profile: test
seeds: [0]
training:
  epochs: 1
  batch_size: 256
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  clean: {datasets: [digits], architectures: [resnet-small], methods: [lets-sam, lets-asam]}
tables:
  ways: {kind: hypergradient, title: Ways, experiments: [clean], every: 2}
figures:
  drawn: {kind: hypergradient, title: Drawn, experiments: [clean], every: 2}
"""


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path]) -> Path:
    def fill(project: Any) -> None:
        write_processed(lets.data.load("digits"), project.layout.arrays("digits"))
        for spec in project.matrix.runs.values():
            train_run(spec, project.layout, "cpu", 1, lambda row: None)
            text = compare_hypergradients(spec, project.layout, every=2, device="cpu")
            write_text(project.layout.hypergradient(spec.id), text)
        project.draw()

    return make_project(PARAMS, fill)


def csv() -> Path:
    return next(Path().glob("results/test/analysis/hypergradient/**/lets-sam/*.csv"))


def edit(project: Any, change: Callable[[list[Probe]], list[Probe]]) -> None:
    """Rewrite the analysis, and draw anew what rests on it, so that nothing but the analysis is wrong."""
    write_text(csv(), probes_text(change(read_probes(csv()))))
    project.draw()


def test_untouched(project: Any) -> None:
    result = project.audit()
    assert result.failures == ()
    assert result.warnings == ()
    assert verdicts(result) == {
        "ways: LETS-SAM": "executed but unverified",
        "ways: LETS-ASAM": "executed but unverified",
        "drawn: LETS-SAM": "executed but unverified",
        "drawn: LETS-ASAM": "executed but unverified",
    }
    assert {check.name: check.examined for check in result.checks}["hypergradients"] == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda probe: replace(probe, hypergradient=1.0),
        lambda probe: replace(probe, ratio=0.5),
        lambda probe: replace(probe, agrees=not probe.agrees),
        lambda probe: replace(probe, epoch=9),
    ],
)
def test_an_edited_number(project: Any, change: Callable[[Probe], Probe]) -> None:
    probes = read_probes(csv())
    place = 7
    edit(project, lambda probes: [*probes[:place], change(probes[place]), *probes[place + 1 :]])
    assert reasons(project.audit()) == {
        "hypergradients": [f"the numbers of step {probes[place].step} do not follow from its hyper-gradients"]
    }
    result = project.audit()
    assert result.next == f"snakemake --cores all --configfile params/test.yaml --forcerun {csv()}"
    assert verdicts(result) == {
        "ways: LETS-SAM": "mismatch",
        "ways: LETS-ASAM": "executed but unverified",
        "drawn: LETS-SAM": "mismatch",
        "drawn: LETS-ASAM": "executed but unverified",
    }


def scaled(probes: list[Probe], factor: float) -> list[Probe]:
    """Every hyper-gradient times a factor, with the ratios and signs that follow."""
    steps = dict.fromkeys((probe.step, probe.epoch, probe.rho) for probe in probes)
    found = {
        step: {p.estimator: (p.hypergradient * factor, p.cosine) for p in probes if p.step == step[0]}
        for step in steps
    }
    return [probe for step in steps for probe in probes_of(*step, found[step])]


def test_another_training(project: Any) -> None:
    edit(project, lambda probes: scaled(probes, 1.5))
    (reason,) = reasons(project.audit())["hypergradients"]
    assert " at step 0, the trace of the run says " in reason


def test_another_machine_is_a_warning(project: Any) -> None:
    edit(project, lambda probes: scaled(probes, 1 + 1e-6))
    result = project.audit()
    assert result.passed
    (warning,) = result.warnings
    assert (
        "are not those of its own training from step 0 on: they were computed on another machine" in warning
    )


def test_a_probe_is_left_out(project: Any) -> None:
    edit(project, lambda probes: [probe for probe in probes if probe.step != 2])
    assert reasons(project.audit())["hypergradients"] == [
        "its probes are not at the 3 steps, 2 by 2, at which the radius learned"
    ]


def test_missing(project: Any) -> None:
    csv().unlink()
    assert reasons(project.audit())["matrix"] == ["not computed yet"]


@pytest.mark.parametrize("levels", [0, 1, 3])
def test_a_link_out_of_the_tree(project: Any, levels: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In the place of one analysis, or of a folder above."""
    path = [csv(), *csv().parents][levels]
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "kept"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    (failure,) = [one for one in project.audit().failures if one.subject == str(path)]
    assert failure.reason.startswith(f"is a link to {elsewhere}")
    assert any(cell.startswith("ways: ") for cell in failure.cells)
    subprocess.run(failure.command, shell=True, check=True)
    assert not path.is_symlink()
    assert elsewhere.exists()
    assert project.audit().failures == ()


def test_unreadable(project: Any) -> None:
    csv().write_text("nonsense")
    assert reasons(project.audit())["hypergradients"][0].startswith("cannot be checked: ")


@pytest.mark.parametrize("method", ["LETS-SAM", "LETS-ASAM"])
@pytest.mark.parametrize(("suffix", "cell"), [("md", "(3 of 3)"), ("tex", "(3 of 3)"), ("csv", ",3,3,")])
def test_an_edited_cell_of_the_table(project: Any, method: str, suffix: str, cell: str) -> None:
    path = project.layout.table("ways", suffix)
    text = path.read_text()
    place = text.index(cell) if method == "LETS-SAM" else text.rindex(cell)
    path.write_text(f"{text[:place]}{cell.replace('3', '2', 1)}{text[place + len(cell) :]}")
    (failure,) = project.audit().failures
    assert failure.cells == (f"ways: {method}",)
    assert failure.force == (str(path),)
