"""A run that is said to have diverged, trained again: it must diverge, and at the same step."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file
from tests.audit.found import reasons, verdicts

from lets.errors import DivergenceError
from lets.files import write_json
from lets.runs import Divergence, Metrics
from lets.runs.history import history_text, read_history
from lets.train import train_run

PARAMS = """
profile: test
device: cpu
seeds: [0]
training:
  epochs: 2
  batch_size: 512
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  sane: {datasets: [digits], architectures: [resnet-small], methods: [sam]}
  insane:
    datasets: [digits]
    architectures: [resnet-small]
    methods: [erm]
    training: {optimizer: {name: sgd, lr: 1.0e+30, momentum: 0.9}}
tables:
  table1: {kind: pivot, title: Test accuracy (%), experiments: [sane]}
  table2: {kind: pivot, title: Test accuracy (%), experiments: [insane]}
"""


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path], prepare: Any) -> Path:
    def fill(project: Any) -> None:
        prepare(project.layout)
        for method in ("erm", "sam"):
            spec = project.matrix.runs[project.run(method)]
            if method == "sam":
                train_run(spec, project.layout, "cpu", 1, lambda row: None)
            else:
                with pytest.raises(DivergenceError):
                    train_run(spec, project.layout, "cpu", 1, lambda row: None)
        project.report()

    return make_project(PARAMS, fill)


def check(project: Any, **how: Any) -> Any:
    return next(one for one in project.audit(deep=True, **how).checks if one.name == "retraining")


def say_it_diverged(project: Any, run: str, step: int) -> None:
    """Forge it as carefully as anybody can: history, totals and trace end where it is said to have stopped."""
    path = project.path(run, "trace.safetensors")
    trace = {name: column.copy() for name, column in load_file(path).items()}
    per_epoch = len(trace["loss"]) // 2
    for column in trace.values():
        column[step:] = numpy.nan
    save_file(trace, path)
    rows = read_history(project.path(run, "history.csv"))[: step // per_epoch]
    project.path(run, "history.csv").write_text(history_text(rows))
    divergence = Divergence(step=step, rho=0.05, norms={"loss": "nan"})
    write_json(project.path(run, "metrics.json"), Metrics.of(run, rows, divergence).model_dump(mode="json"))
    project.reseal(run)
    project.report()


def elsewhere(project: Any, run: str) -> None:
    path = project.path(run, "provenance.json")
    write_json(path, json.loads(path.read_text()) | {"code": "f" * 64})
    project.report()


@pytest.mark.parametrize("made_here", [True, False])
def test_what_diverged_diverges_again(project: Any, made_here: bool) -> None:
    run = project.run("erm")
    if not made_here:
        elsewhere(project, run)
    found = check(project, runs=(run,))
    assert (found.failures, found.confirmed) == ((), {run})
    audit = project.audit(deep=True, runs=(run,))
    assert set(verdicts(audit).values()) == (
        {"executed but unverified"} | ({"verified"} if made_here else set())
    )


@pytest.mark.parametrize("made_here", [True, False])
@pytest.mark.parametrize("step", [1, 4])
def test_what_did_not_diverge_is_found_by_training_it_again(project: Any, step: int, made_here: bool) -> None:
    run = project.run("sam")
    say_it_diverged(project, run, step)
    if not made_here:
        elsewhere(project, run)
    assert reasons(project.audit()) == {}
    (failure,) = check(project, runs=(run,)).failures
    assert failure.reason.startswith(f"says that it diverged at step {step}, but trained again it finished")
    assert bool(failure.remove) is made_here


def test_what_diverged_at_another_step_is_found(project: Any) -> None:
    run = project.run("erm")
    step = json.loads(project.path(run, "metrics.json").read_text())["divergence"]["step"]
    say_it_diverged(project, run, step - 1)
    (failure,) = check(project, runs=(run,)).failures
    assert (
        failure.reason
        == f"says that it diverged at step {step - 1}, but trained again it diverged at step {step}"
    )


def test_what_is_said_to_have_finished_and_diverges_is_found(project: Any) -> None:
    """The files of a sane training in the folder of an insane one."""
    source, target = project.run("sam"), project.run("erm")
    for name in ("history.csv", "trace.safetensors", "weights.safetensors", "metrics.json"):
        content = project.path(source, name).read_bytes()
        project.path(target, name).write_bytes(content.replace(source.encode(), target.encode()))
    project.reseal(target)
    (failure,) = check(project, runs=(target,)).failures
    assert failure.reason.startswith("says that it finished, but trained again it diverged at step ")


def test_the_draw_can_pick_it(project: Any) -> None:
    found = {next(iter(check(project, salt=salt).confirmed)) for salt in "abcdefgh"}
    assert found == set(project.matrix.runs)
