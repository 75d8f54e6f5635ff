"""The audit of a real training: its weights and its landscape give the stored numbers again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file
from tests.audit.found import reasons, verdicts

import lets.data
from lets.analyses.compute import loss_landscape
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
  clean: {datasets: [digits], architectures: [resnet-small], methods: [sam]}
tables:
  table1: {kind: pivot, title: Test accuracy, experiments: [clean]}
figures:
  figure5: {kind: landscape, title: Landscape, experiments: [clean], points: 5, samples: 100}
"""


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path]) -> Path:
    def fill(project: Any) -> None:
        write_processed(lets.data.load("digits"), project.layout.arrays("digits"))
        (spec,) = project.matrix.runs.values()
        train_run(spec, project.layout, "cpu", 1, lambda row: None)
        text = loss_landscape(spec, project.layout, points=5, extent=1, samples=100, device="cpu")
        write_text(project.layout.landscape(spec.id), text)
        project.draw()

    return make_project(PARAMS, fill)


def landscape() -> Path:
    return next(Path().glob("results/test/analysis/landscape/**/*.csv"))


def test_untouched(project: Any) -> None:
    result = project.audit(weights=1)
    assert result.failures == ()
    assert set(verdicts(result).values()) == {"verified"}


def test_one_weight_moved_and_its_digest_forged(project: Any) -> None:
    run = project.run("sam")
    weights = project.path(run, "weights.safetensors")
    tensors = {name: array.copy() for name, array in load_file(weights).items()}
    name = next(name for name, array in tensors.items() if array.ndim == 4)
    tensors[name].flat[0] += 0.001
    save_file(tensors, weights)
    project.reseal(run)
    found = reasons(project.audit(weights=1))
    assert found["weights"][0].startswith("its weights give test_loss ")
    assert "bytes" not in found


def test_missing_data_condemns_no_run(project: Any) -> None:
    """Nothing says that the weights are wrong, and nothing that they are right."""
    project.layout.prepared("digits").unlink()
    result = project.audit(weights=1)
    assert reasons(result) == {}
    assert [one.subject for one in result.unchecked] == [str(project.layout.prepared("digits"))]
    assert result.next == "lets data prepare digits --download"
    assert "verified" not in verdicts(result).values()


@pytest.mark.parametrize("line", [1, 13])
def test_an_edited_landscape(project: Any, line: int) -> None:
    """A corner and the middle; the figure was drawn from the edited numbers."""
    path = landscape()
    lines = path.read_text().split("\n")
    a, b, loss = lines[line].split(",")
    lines[line] = f"{a},{b},{float(loss) * 0.99!r}"
    path.write_text("\n".join(lines))
    project.draw()
    result = project.audit(weights=1)
    (reason,) = reasons(result)["landscapes"]
    assert f"at ({float(a):g}, {float(b):g}), the weights give " in reason
    assert result.next == f"snakemake --cores all --configfile params/test.yaml --forcerun {path}"
    assert verdicts(result) == {
        "table1: SAM × ResNet (small)": "verified",
        "figure5: SAM": "mismatch",
    }


def test_a_missing_landscape(project: Any) -> None:
    landscape().unlink()
    assert reasons(project.audit(weights=1))["matrix"] == ["not computed yet"]


def test_a_landscape_that_is_none(project: Any) -> None:
    landscape().write_text("nonsense")
    assert "line 1: want the columns a,b,loss" in reasons(project.audit(weights=1))["landscapes"][0]


def test_a_landscape_of_another_grid(project: Any) -> None:
    path = landscape()
    outside = {"-0.5", "0.5"}
    lines = [line for line in path.read_text().splitlines() if not outside & set(line.split(",")[:2])]
    path.write_text("\n".join(lines) + "\n")
    assert reasons(project.audit(weights=1))["landscapes"] == ["has 9 points, the params ask for 5 × 5"]
