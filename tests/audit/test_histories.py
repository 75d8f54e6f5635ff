"""The course of a training: what it cannot have been is found, what it was is not, and what nobody can tell is said."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file
from tests.audit.found import verdicts

from lets.audit.context import Context
from lets.audit.findings import Check
from lets.audit.histories import check_histories
from lets.config import Layout
from lets.project import Project as Snapshot
from lets.project import expand, load_params
from lets.runs.history import HistoryRow, history_text, read_history, read_trace
from lets.train import train_run

REAL = """
profile: test
device: cpu
seeds: [0]
training:
  epochs: 2
  batch_size: 512
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: linear, per: step, warmup: 2}
  val_batches: next
experiments:
  usual:
    datasets: [digits]
    architectures: [resnet-small]
    methods: [erm, rst, looksam, ae-sam, gsam, lets-esam, lets-ae-sam]
    hyperparameters: {looksam: {k: 2}, ae-sam: {lambda_2: 0.0}}
  unusual:
    datasets: [digits]
    architectures: [resnet-small]
    methods: [lets-rst, lets-sam]
    training: {val_batches: held-out, schedule: {name: exponential, gamma: 0.5}}
    hyperparameters:
      lets-rst: {p: 0.8, rho_every: 2, hessian: exact, rho_lr: 5.0, rho_bounds: [0.049, 0.051]}
      lets-sam: {rho_optimizer: sgd, parametrization: raw, rho_lr: 0.5, rho_decay: 0.5, include_lr: false}
"""
Rows = list[HistoryRow]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, prepare: Any) -> Path:
    root = tmp_path_factory.mktemp("trained")
    (root / "params.yaml").write_text(REAL)
    params = load_params(root / "params.yaml")
    layout = Layout.of(params, root)
    prepare(layout)
    for spec in expand(params).runs.values():
        train_run(spec, layout, "cpu", 1, lambda row: None)
    return root


def case_in(root: Path, file: str) -> Context:
    params = load_params(root / file)
    return Context(Snapshot(params, expand(params), Layout.of(params, root)))


def checks(case: Context) -> dict[str, Check]:
    return {check.name: check for check in check_histories(case)}


def methods(case: Context, check: Check) -> set[str]:
    return {case.matrix.runs[run].method for run in check.confirmed}


def test_every_real_training_passes_and_only_what_its_spec_decides_is_confirmed(trained: Path) -> None:
    case = case_in(trained, "params.yaml")
    found = checks(case)
    assert [one.failures for one in found.values()] == [()] * 4
    assert {one.examined for one in found.values()} == {9}
    every = {run.method for run in case.matrix.runs.values()}
    assert methods(case, found["schedule"]) == every
    assert methods(case, found["passes"]) == every - {"ae-sam", "lets-ae-sam"}
    assert methods(case, found["radius"]) == {method for method in every if not method.startswith("lets-")}


def change(case: Context, method: str, rows: Callable[[Rows], Rows], **columns: Callable[[Any], Any]) -> None:
    """Rewrite the history and columns of the trace of the one run of a method."""
    (run,) = [id for id, spec in case.matrix.runs.items() if spec.method == method]
    path = case.layout.run_file(run, "history.csv")
    path.write_text(history_text(rows(read_history(path))))
    path = case.layout.run_file(run, "trace.safetensors")
    trace = load_file(path)
    save_file(trace | {name: numpy.asarray(put(trace[name].copy())) for name, put in columns.items()}, path)


def first(**values: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [replace(rows[0], **values), *rows[1:]]


def last(**values: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [*rows[:-1], replace(rows[-1], **values)]


def put(step: int, value: float) -> Callable[[Any], Any]:
    def write(column: Any) -> Any:
        column[step] = value
        return column

    return write


def same(rows: Rows) -> Rows:
    return rows


FORGERIES: list[tuple[str, str, Callable[[Rows], Rows], dict[str, Callable[[Any], Any]]]] = [
    ("losses", "erm", first(test_loss=0.001), {}),
    ("schedule", "erm", last(steps=0), {}),
    ("losses", "gsam", first(train_loss=0.001), {}),
    ("losses", "rst", last(test_loss=-1.0), {}),
    ("losses", "looksam", first(test_accuracy=100.5), {}),
    ("losses", "ae-sam", last(train_accuracy=-1.0), {}),
    ("schedule", "erm", first(lr=0.09), {}),
    ("schedule", "gsam", last(lr=0.02), {}),
    ("schedule", "rst", lambda rows: [replace(row, steps=2, passes=2, perturbed=0) for row in rows], {}),
    ("passes", "erm", first(passes=6), {}),
    ("passes", "erm", first(perturbed=1, passes=4), {}),
    ("passes", "gsam", first(passes=5), {}),
    ("passes", "gsam", last(perturbed=2, passes=5), {}),
    ("passes", "rst", lambda rows: [replace(row, perturbed=3 - row.perturbed) for row in rows], {}),
    ("passes", "looksam", last(perturbed=2, passes=5), {}),
    ("passes", "ae-sam", first(perturbed=4, passes=7), {}),
    ("passes", "ae-sam", last(passes=9), {}),
    ("passes", "lets-esam", first(passes=6), {}),
    ("passes", "lets-ae-sam", first(perturbed=0, passes=3), {}),
    ("passes", "lets-sam", first(passes=6), {}),
    ("passes", "lets-rst", same, {"hypergradient": put(0, 1e-3)}),
    ("passes", "lets-esam", same, {"hypergradient": put(2, numpy.nan)}),
    ("radius", "erm", first(rho=0.05), {}),
    ("radius", "erm", same, {"rho": put(1, 0.05)}),
    ("radius", "gsam", first(rho=0.05), {}),
    ("radius", "gsam", same, {"rho": put(4, 0.05)}),
    ("radius", "rst", same, {"rho": lambda column: column * 1.01}),
    ("radius", "lets-esam", last(rho=0.051), {}),
    ("radius", "lets-sam", same, {"rho": lambda column: column * 1.01}),
    ("radius", "lets-sam", same, {"hypergradient": lambda column: -column}),
    ("radius", "lets-sam", same, {"hypergradient": put(3, 9.0)}),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FORGERIES)))
def test_what_a_course_cannot_have_been_is_found(trained: Path, tmp_path: Path, number: int) -> None:
    name, method, rows, columns = FORGERIES[number]
    shutil.copytree(trained / "results", tmp_path / "results")
    shutil.copy(trained / "params.yaml", tmp_path)
    case = case_in(tmp_path, "params.yaml")
    change(case, method, rows, **columns)
    (failure,) = checks(case)[name].failures
    assert case.matrix.runs[failure.run].method == method
    assert failure.run not in checks(case)[name].confirmed


def test_a_damaged_trace_is_left_to_the_check_that_names_it(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "results", tmp_path / "results")
    shutil.copy(trained / "params.yaml", tmp_path)
    traces = sorted((tmp_path / "results").rglob("trace.safetensors"))
    traces[0].write_bytes(b"nonsense")
    save_file({"loss": numpy.zeros(6)}, traces[1])
    save_file({"loss": numpy.zeros(6), "rho": numpy.zeros(3)}, traces[2])
    case = case_in(tmp_path, "params.yaml")
    found = checks(case)
    assert set(found) == {"losses", "schedule", "passes", "radius"}
    for check in found.values():
        assert check.failures == ()
        assert check.examined == 6


def test_each_course_is_read_once(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, read = case_in(trained, "params.yaml"), list[Path]()
    whole = len(case.complete)

    def counted(path: Path) -> Any:
        read.append(path)
        return read_trace(path)

    monkeypatch.setattr("lets.runs.record.read_trace", counted)
    checks(case)
    assert len(read) == len(set(read)) == whole


def forge_first_epoch(project: Any) -> str:
    run: str = project.run("sam", 0)
    path = project.path(run, "history.csv")
    path.write_text(history_text(first(train_loss=0.101, test_loss=0.202)(read_history(path))))
    project.reseal(run)
    project.report()
    return run


def test_what_no_weights_give_again_is_not_called_verified(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses of an epoch whose weights are gone: nothing finds a forgery, so nothing that shows them is verified."""
    monkeypatch.setattr("lets.audit.retraining._other_numbers", lambda context, record: "")
    monkeypatch.setattr(
        "lets.audit.layers.check_initial_losses", lambda context: Check("initial losses", "", 0)
    )
    forge_first_epoch(project)
    audit = project.audit(weights=18)
    assert audit.passed
    found = verdicts(audit)
    assert {found[cell] for cell in found if cell.startswith(("table", "figure1"))} == {"verified"}
    assert {found[cell] for cell in found if cell.startswith("figure2")} == {"executed but unverified"}
    items = {name: str(one) for name, one in audit.judgement.items.items()}
    documents = ("figure2", "claims.md", "claims.csv", "summary.json", "runs.csv")
    assert {name for name, one in items.items() if one != "verified"} == set(documents)


def test_what_was_trained_again_to_the_byte_is_verified_throughout(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def repeated(case: Context) -> Check:
        return Check("retraining", "", 0, repeated=frozenset(case.matrix.runs))

    monkeypatch.setattr("lets.audit.layers.check_retraining", repeated)
    assert set(verdicts(project.audit(deep=True)).values()) == {"verified"}
