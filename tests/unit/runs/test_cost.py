import json
from pathlib import Path
from types import SimpleNamespace

from tests.golden.factory import TRAINING, Project, epoch_row

from lets.config import RunSpec
from lets.runs.cost import Speeds, cost_of, measured_speeds
from lets.runs.outcomes import read_outcome

NETWORKS = {
    ("resnet-small", "digits"): SimpleNamespace(parameters=1, flops=10),
    ("wrn-small", "digits"): SimpleNamespace(parameters=1, flops=1000),
}
ERM = 2 * 10 * (3 * 1437 + 1797)
"""operations of two epochs: a pass over the training images, both sets measured"""


def test_seconds_add_up_and_memory_peaks(project: Project) -> None:
    first, second = project.runs(architecture="resnet-small", method="erm")
    project.write(first, [epoch_row(1, 95.0)], seconds=10.0, peak_memory_mib=200.0)
    project.write(second, [epoch_row(1, 95.0)], seconds=2.5, peak_memory_mib=300.0)
    runs = [read_outcome(run, project.layout) for run in (first, second, first)]
    cost = cost_of(runs)
    assert (cost.runs, cost.seconds, cost.peak_memory_mib) == (2, 12.5, 300.0)
    assert cost.devices == ("cpu (Example CPU)",)
    assert "torch 2.14.1" in cost.packages


def test_damaged_provenance_is_not_counted(project: Project) -> None:
    run = project.run(architecture="resnet-small", method="erm", seed=0)
    project.finish(run, 95.0)
    project.layout.run_file(run.id, "provenance.json").write_text("{")
    assert cost_of([read_outcome(run, project.layout)]).runs == 0


def test_images_are_counted(project: Project) -> None:
    runs = project.runs(architecture="resnet-small")[:3]
    for run, image in zip(runs, ("a" * 64, None, "a" * 64), strict=True):
        project.write(run, [epoch_row(1, 95.0)], image=image)
    cost = cost_of([read_outcome(run, project.layout) for run in runs])
    assert (cost.runs, cost.images) == (3, {"a" * 64: 2})


def train(project: Project, run: RunSpec, seconds: float, device: str = "cpu") -> None:
    project.write(run, [epoch_row(1, 95.0)], seconds=seconds)
    path = project.layout.run_file(run.id, "provenance.json")
    content = json.loads(path.read_text())
    content["machine"]["device"] = device
    path.write_text(json.dumps(content))


def speeds(project: Project) -> Speeds:
    outcomes = [read_outcome(run, project.layout) for run in project.matrix.runs.values()]
    return measured_speeds(outcomes, NETWORKS)


def test_speeds_are_those_of_the_device_that_trained_most(project: Project) -> None:
    first, second = project.runs(architecture="resnet-small", method="erm", dataset="digits")
    wide, _ = project.runs(architecture="wrn-small", method="erm")
    sam, other, *_ = project.runs(method="sam", rho=0.5)
    train(project, first, 2.0)
    train(project, second, 6.0)
    train(project, wide, 5.0)
    train(project, sam, 0.001, "NVIDIA H100")
    train(project, other, 0.001, "NVIDIA H100")
    found = speeds(project)
    assert (found.device, found.runs) == ("cpu (Example CPU)", 3)
    assert found.of(sam) == found.of(first) == 2 * ERM / 8.0  # whatever the method
    assert found.of(wide) == 100 * ERM / 5.0
    assert found.of(first.model_copy(update={"dataset": "cifar10"})) is None


def test_only_finished_runs_tell_a_speed(project: Project) -> None:
    first, second = project.runs(architecture="resnet-small", method="erm", dataset="digits")
    project.diverge(first)
    project.finish(second, 95.0)
    project.layout.run_file(second.id, "provenance.json").write_text("{")
    found = speeds(project)
    assert (found.device, found.runs, found.of(first)) == ("", 0, None)


def test_two_gpus_are_half_as_fast_each(tmp_path: Path) -> None:
    digits = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["erm"]}
    project = Project(tmp_path, training={**TRAINING, "ranks": 2}, experiments={"shared": digits})
    run = project.run(seed=0)
    train(project, run, 1.5)
    assert speeds(project).of(run) == ERM / 1.5 / 2
