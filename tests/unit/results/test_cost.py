from tests.golden.factory import Project, epoch_row

from lets.results import read_outcome
from lets.results.cost import cost_of


def test_seconds_add_up_and_memory_peaks(project: Project) -> None:
    first, second = project.runs(architecture="resnet-small", method="erm")
    project.write(first, [epoch_row(1, 95.0)], seconds=10.0, peak_memory_mib=200.0)
    project.write(second, [epoch_row(1, 95.0)], seconds=2.5, peak_memory_mib=300.0)
    runs = [read_outcome(run, project.matrix, project.layout) for run in (first, second, first)]
    cost = cost_of(runs, project.layout)
    assert (cost.runs, cost.seconds, cost.peak_memory_mib) == (2, 12.5, 300.0)
    assert cost.devices == ("cpu (Example CPU)",)
    assert "torch 2.14.1" in cost.packages


def test_damaged_provenance_is_not_counted(project: Project) -> None:
    run = project.run(architecture="resnet-small", method="erm", seed=0)
    project.finish(run, 95.0)
    project.layout.run_file(run.id, "provenance.json").write_text("{")
    assert cost_of([read_outcome(run, project.matrix, project.layout)], project.layout).runs == 0
