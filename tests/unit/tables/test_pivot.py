import pytest
from tests.golden.factory import Project

from lets.errors import SpecError
from lets.tables.pivot import Grid


def grid(project: Project, name: str) -> Grid:
    return project.params.tables[name].grid(project.now)


def test_rows_and_columns_follow_the_params_file(project: Project) -> None:
    both = grid(project, "both")
    assert both.rows == ("lets-sam", "erm")
    assert both.columns == (("digits", "wrn-small"), ("digits", "resnet-small"), ("iwslt14", "transformer"))
    assert grid(project, "radius").rows == (0.5, 0.05)


def test_the_states_of_a_cell(project: Project) -> None:
    first, second = project.runs(architecture="resnet-small", method="erm")
    project.finish(first, 95.0)
    project.diverge(second)
    cells = grid(project, "both").cells
    cell = cells["erm", ("digits", "resnet-small")]
    assert (cell.values, cell.summary.n, cell.expected) == ({0: 95.0}, 1, 2)
    assert (cell.run_ids, cell.diverged, cell.missing) == ([first.id], [second.id], [])
    assert not cell.complete
    assert len(cells["erm", ("digits", "wrn-small")].missing) == 2
    assert len(cells["erm", ("iwslt14", "transformer")].missing) == 2
    assert cells["lets-sam", ("iwslt14", "transformer")].expected == 0


EXPERIMENT = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["erm"]}


@pytest.mark.parametrize(
    ("other", "remedy"),
    [
        ({"noise": ["symmetric-40"]}, r"noise, .* write  where: \{noise: \[clean\]\}"),
        ({"training": {"epochs": 9}}, r"training, .* choose fewer"),
    ],
)
def test_a_cell_that_would_mix_variants_is_refused_before_anything_is_trained(
    tmp_path, other, remedy
) -> None:
    experiments = {"one": EXPERIMENT, "two": {**EXPERIMENT, **other}}
    table = {"kind": "pivot", "title": "T", "experiments": ["one", "two"]}
    with pytest.raises(SpecError, match=r"the mean of erm, resnet-small – its runs differ in " + remedy):
        Project(tmp_path, experiments=experiments, tables={"t": table})


def test_a_run_that_two_experiments_share_counts_once(tmp_path) -> None:
    project = Project(
        tmp_path,
        experiments={"one": EXPERIMENT, "two": EXPERIMENT},
        tables={"t": {"kind": "pivot", "title": "T", "experiments": ["one", "two"]}},
    )
    (cell,) = grid(project, "t").cells.values()
    assert cell.expected == 2


def test_the_paper_prints_accuracies_only(tmp_path) -> None:
    experiment = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["erm"]}
    table = {"title": "T", "experiments": ["one"], "paper": 1}
    project = Project(
        tmp_path,
        experiments={"one": experiment},
        tables={"accuracy": table, "gap": {**table, "metric": "generalization_gap"}},
        stand_ins={"digits": "cifar10", "resnet-small": "resnet18"},
    )
    (accuracy,) = grid(project, "accuracy").cells.values()
    (gap,) = grid(project, "gap").cells.values()
    assert accuracy.published is not None
    assert (accuracy.published.mean, accuracy.published.sd) == (95.41, 0.03)
    assert gap.published is None
