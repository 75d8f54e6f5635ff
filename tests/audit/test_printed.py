"""The runs that a printed place rests on."""

from pathlib import Path

from tests.golden.factory import Project

from lets.audit.context import printed_cells

CLEAN = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["erm", "sam"]}


def test_a_table_rests_on_every_seed_and_an_analysis_on_the_first(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        experiments={"clean": {**CLEAN, "seeds": [3, 1]}},
        tables={
            "all": {"kind": "pivot", "title": "All", "experiments": ["clean"]},
            "sharp": {"title": "Sharp", "experiments": ["clean"], "kind": "sharpness"},
        },
    )
    found = {one.name: list(one.runs) for one in printed_cells(project.now)}
    assert found == {
        "all: ERM × ResNet (small)": [project.run(method="erm", seed=seed).id for seed in (3, 1)],
        "all: SAM × ResNet (small)": [project.run(method="sam", seed=seed).id for seed in (3, 1)],
        "sharp: ERM": [project.run(method="erm", seed=3).id],
        "sharp: SAM": [project.run(method="sam", seed=3).id],
    }
