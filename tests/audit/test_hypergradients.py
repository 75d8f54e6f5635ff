"""The audit of a hyper-gradient analysis: one that is whole passes, edits are found."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lets.analysis import compare_hypergradients
from lets.audit import perform
from lets.data.processed import write_processed
from lets.records.files import write_text
from lets.records.probes import Probe, probes_of, probes_text, read_probes
from lets.report import write_figure, write_table
from lets.spec import Layout, expand, load_params
from lets.train import train_run

PARAMS = """
profile: trained
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


def draw(root: Path) -> None:
    params = load_params(root / "params.yaml")
    matrix, layout = expand(params), Layout(params.profile, root)
    write_table("ways", params.tables["ways"], params, matrix, layout)
    write_figure("drawn", params.figures["drawn"], params, matrix, layout)


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import lets.data

    root = tmp_path_factory.mktemp("analysed")
    (root / "params.yaml").write_text(PARAMS)
    layout = Layout("trained", root)
    write_processed(lets.data.load("digits"), layout.arrays("digits"))
    for spec in expand(load_params(root / "params.yaml")).runs.values():
        train_run(spec, layout, "cpu", 1, lambda row: None)
        text = compare_hypergradients(spec, layout, every=2, device="cpu")
        write_text(layout.hypergradient(spec.id), text)
    draw(root)
    return root


@pytest.fixture
def project(analysed: Path, tmp_path: Path) -> Path:
    shutil.copytree(analysed, tmp_path / "project")
    return tmp_path / "project"


def csv(root: Path) -> Path:
    return next(root.glob("results/trained/analysis/hypergradient/**/lets-sam/*.csv"))


def audit(root: Path) -> Any:
    return perform(root / "params.yaml", Path("params/demo.yaml"), 0, root)


def reasons(root: Path) -> dict[str, list[str]]:
    checks = audit(root).checks
    return {check.name: [one.reason for one in check.failures] for check in checks if check.failures}


def verdicts(result: Any) -> dict[str, str]:
    return {one.printed.name: str(one.verdict) for one in result.judged}


def edit(root: Path, change: Callable[[list[Probe]], list[Probe]]) -> None:
    """Rewrite the analysis, and draw anew what rests on it, so that nothing but the analysis is wrong."""
    write_text(csv(root), probes_text(change(read_probes(csv(root)))))
    draw(root)


def test_untouched(project: Path) -> None:
    result = audit(project)
    assert result.failures == ()
    assert result.warnings == ()
    assert verdicts(result) == {
        "ways: LETS-SAM": "verified",
        "ways: LETS-ASAM": "verified",
        "drawn: LETS-SAM": "verified",
        "drawn: LETS-ASAM": "verified",
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
def test_an_edited_number(project: Path, change: Callable[[Probe], Probe]) -> None:
    probes = read_probes(csv(project))
    place = 7
    edit(project, lambda probes: [*probes[:place], change(probes[place]), *probes[place + 1 :]])
    assert reasons(project) == {
        "hypergradients": [f"the numbers of step {probes[place].step} do not follow from its hyper-gradients"]
    }
    result = audit(project)
    assert result.next == f"rm -r {csv(project)} && snakemake --cores all --configfile {project}/params.yaml"
    assert verdicts(result) == {
        "ways: LETS-SAM": "mismatch",
        "ways: LETS-ASAM": "verified",
        "drawn: LETS-SAM": "mismatch",
        "drawn: LETS-ASAM": "verified",
    }


def scaled(probes: list[Probe], factor: float) -> list[Probe]:
    """Every hyper-gradient times a factor, with the ratios and signs that follow."""
    steps = dict.fromkeys((probe.step, probe.epoch, probe.rho) for probe in probes)
    found = {
        step: {p.way: (p.hypergradient * factor, p.cosine) for p in probes if p.step == step[0]}
        for step in steps
    }
    return [probe for step in steps for probe in probes_of(*step, found[step])]


def test_another_training(project: Path) -> None:
    edit(project, lambda probes: scaled(probes, 1.5))
    (reason,) = reasons(project)["hypergradients"]
    assert " at step 0, the trace of the run says " in reason


def test_another_machine_is_a_warning(project: Path) -> None:
    edit(project, lambda probes: scaled(probes, 1 + 1e-6))
    result = audit(project)
    assert result.passed
    (warning,) = result.warnings
    assert (
        "are not those of its own training from step 0 on: they were computed on another machine" in warning
    )


def test_a_probe_is_left_out(project: Path) -> None:
    edit(project, lambda probes: [probe for probe in probes if probe.step != 2])
    assert reasons(project)["hypergradients"] == [
        "its probes are not at the 3 steps, 2 by 2, at which the radius learned"
    ]


def test_missing(project: Path) -> None:
    csv(project).unlink()
    assert reasons(project)["hypergradients"] == ["not computed yet"]


def test_unreadable(project: Path) -> None:
    csv(project).write_text("nonsense")
    assert reasons(project)["hypergradients"][0].startswith("cannot be checked: ")


@pytest.mark.parametrize("method", ["LETS-SAM", "LETS-ASAM"])
@pytest.mark.parametrize(("suffix", "cell"), [("md", "(3 of 3)"), ("tex", "(3 of 3)"), ("csv", ",3,3,")])
def test_an_edited_cell_of_the_table(project: Path, method: str, suffix: str, cell: str) -> None:
    path = Layout("trained", project).table("ways", suffix)
    text = path.read_text()
    place = text.index(cell) if method == "LETS-SAM" else text.rindex(cell)
    path.write_text(f"{text[:place]}{cell.replace('3', '2', 1)}{text[place + len(cell) :]}")
    (failure,) = audit(project).failures
    assert failure.cells == (f"ways: {method}",)
    assert failure.remove == (str(path),)
