"""`lets audit --deep`: one run trained again, in a folder of its own, compared to the byte or nearly."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file
from tests.audit.found import reasons

from lets.audit.retraining import WITHIN
from lets.errors import SpecError
from lets.files import write_json
from lets.runs import Metrics
from lets.runs.history import HistoryRow, history_text, read_history
from lets.train import train_run

PARAMS = """
profile: test
device: cpu
seeds: [0]
training:
  epochs: 1
  batch_size: 512
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  main: {datasets: [digits], noise: [symmetric-40], architectures: [resnet-small], methods: [erm, rst]}
tables:
  table1: {kind: pivot, title: Test accuracy (%), experiments: [main]}
"""


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path], prepare: Any) -> Path:
    def fill(project: Any) -> None:
        prepare(project.layout)
        for spec in project.matrix.runs.values():
            train_run(spec, project.layout, "cpu", 1, lambda row: None)
        project.report()

    return make_project(PARAMS, fill)


@pytest.fixture
def run(project: Any) -> str:
    """A run on noisy labels, whose method draws too."""
    found: str = project.run("rst", noise="symmetric-40")
    return found


def check(project: Any, **how: Any) -> Any:
    return next(one for one in project.audit(deep=True, **how).checks if one.name == "retraining")


def elsewhere(project: Any, run: str) -> None:
    """As if the run had been made by other code: it need not come again to the byte."""
    path = project.path(run, "provenance.json")
    write_json(path, json.loads(path.read_text()) | {"code": "f" * 64})


def test_it_comes_again_to_the_byte_and_nothing_is_written(project: Any, run: str) -> None:
    def content() -> dict[Path, tuple[bytes, int]]:
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns) for path in Path().rglob("*") if path.is_file()
        }

    before = content()
    found = check(project, runs=(run,))
    assert content() == before
    assert (found.about, found.failures) == (f"{run} trained again, compared to the byte", ())
    assert found.confirmed == {run}


def test_all_runs_behind_a_number_come_again_at_once(project: Any) -> None:
    found = check(
        project, runs=("digits/symmetric-40/resnet-small/erm", "digits/symmetric-40/resnet-small/rst")
    )
    assert (found.about, found.failures) == ("2 runs trained again, compared to the byte", ())
    assert (found.examined, found.confirmed) == (2, set(project.matrix.runs))


def test_of_several_the_one_that_does_not_come_again_is_named(project: Any, run: str) -> None:
    path = project.path(run, "trace.safetensors")
    tensors = load_file(path)
    tensors["loss"][0] += 1
    save_file(tensors, path)
    project.reseal(run)
    found = check(project, runs=tuple(project.matrix.runs))
    assert {failure.run for failure in found.failures} == {run}
    assert found.confirmed == set(project.matrix.runs) - {run}


def test_a_run_made_elsewhere_is_told_from_one_made_here(project: Any, run: str) -> None:
    elsewhere(project, run)
    found = check(project, runs=tuple(project.matrix.runs))
    (here,) = set(project.matrix.runs) - {run}
    assert (
        found.about == f"{here} trained again, compared to the byte, {run} trained again, compared {WITHIN}"
    )


def test_without_a_name_it_is_drawn(project: Any) -> None:
    found = {next(iter(check(project, salt=salt).confirmed)) for salt in "abcdef"}
    assert found == set(project.matrix.runs)
    assert check(project, salt="a").confirmed == check(project, salt="a").confirmed


@pytest.mark.parametrize("name", ["weights.safetensors", "trace.safetensors"])
def test_a_byte_that_only_training_knows(project: Any, run: str, name: str) -> None:
    """The last bit of one number, with its digest."""
    path = project.path(run, name)
    tensors = {key: array.copy() for key, array in load_file(path).items()}
    key = next(key for key in sorted(tensors) if tensors[key].ndim and tensors[key].dtype.kind == "f")
    tensors[key].flat[0] = numpy.nextafter(tensors[key].flat[0], tensors[key].dtype.type(9))
    save_file(tensors, path)
    project.reseal(run)
    (failure,) = check(project, runs=(run,)).failures
    reason = f"trained again on a machine that rounds alike, its {name} is another"
    assert (failure.run, failure.reason) == (run, reason)
    assert failure.command.startswith(f"rm -r results/test/runs/{run} && snakemake")


@pytest.mark.parametrize("name", ["cpu_family", "cpu_model", "cpu_stepping", "cpu_capability"])
@pytest.mark.parametrize("known", [False, True])
def test_another_processor_of_the_same_name(project: Any, run: str, name: str, known: bool) -> None:
    """Its last bits may be other ones: an honest record is neither condemned nor to be deleted."""
    path = project.path(run, "provenance.json")
    content = json.loads(path.read_text())
    if known:
        content["machine"][name] = "AVX" if name == "cpu_capability" else content["machine"][name] + 1
    else:
        del content["machine"][name]
    write_json(path, content)
    trace = project.path(run, "trace.safetensors")
    save_file({key: column * (1 + 1e-12) for key, column in load_file(trace).items()}, trace)
    project.reseal(run)
    found = check(project, runs=(run,))
    assert (found.about, found.failures) == (f"{run} trained again, compared {WITHIN}", ())


def test_made_elsewhere_it_must_come_again_nearly(project: Any, run: str) -> None:
    elsewhere(project, run)
    found = check(project, runs=(run,))
    assert (found.about, found.failures) == (f"{run} trained again, compared {WITHIN}", ())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda row: {"loss": row.loss * 1.03}, "says a mean loss of "),
        (lambda row: {"test_accuracy": row.test_accuracy + 5}, "says a test accuracy of "),
    ],
)
def test_made_elsewhere_and_too_good(
    project: Any, run: str, change: Callable[[HistoryRow], dict[str, float]], reason: str
) -> None:
    elsewhere(project, run)
    path = project.path(run, "history.csv")
    rows = [HistoryRow(**{**vars(row), **change(row)}) for row in read_history(path)]
    path.write_text(history_text(rows))
    write_json(project.path(run, "metrics.json"), Metrics.of(run, rows).model_dump(mode="json"))
    project.reseal(run)
    (failure,) = check(project, runs=(run,)).failures
    assert failure.reason.startswith(reason)
    assert "keep it until a repeat where it was made" in failure.reason
    assert failure.remove == ()
    assert failure.command == f"lets audit --params params/test.yaml --deep --run {run}"


def test_what_cannot_be_trained_again(project: Any, run: str) -> None:
    project.layout.arrays("digits").unlink()
    found = check(project, runs=(run,))
    assert (found.failures, found.confirmed) == ((), frozenset())
    (absent,) = found.unchecked
    assert absent.reason.startswith("cannot be trained again here: ")
    assert absent.command == "lets data prepare digits --download"


def test_nothing_is_finished(project: Any, run: str) -> None:
    for each in project.matrix.runs:
        project.path(each, "history.csv").unlink()
    found = check(project)
    assert (found.examined, found.failures) == (0, ())
    with pytest.raises(SpecError, match="is not finished"):
        check(project, runs=(run,))
    assert "matrix" in reasons(project.audit())
