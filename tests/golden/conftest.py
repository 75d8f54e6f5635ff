from pathlib import Path

import pytest
from tests.golden.factory import Project


@pytest.fixture
def sweep(tmp_path: Path) -> Project:
    """Three methods, two architectures, two seeds; one run missing, two diverged. All numbers made by hand."""
    project = Project(
        tmp_path,
        experiments={
            "clean": {
                "datasets": ["digits"],
                "architectures": ["resnet-small", "wrn-small"],
                "methods": ["erm", "sam", "lets-sam"],
            }
        },
        tables={
            "table1": {
                "title": "Accuracy (%) & more",
                "experiments": ["clean"],
                "groups": [["sam", "lets-sam"]],
                "paper": 1,
            }
        },
        stand_ins={"digits": "cifar10", "resnet-small": "resnet18"},
    )
    accuracies = {
        ("resnet-small", "erm"): (95.0, 96.0),  # mean 95.5, sd √½
        ("resnet-small", "sam"): (96.0, 97.0),
        ("resnet-small", "lets-sam"): (97.0, 97.5),  # mean 97.25, sd √⅛
        ("wrn-small", "erm"): (90.0, 92.0),  # mean 91, sd √2
        ("wrn-small", "sam"): (91.25,),
    }
    for (architecture, method), values in accuracies.items():
        for seed, value in enumerate(values):
            project.finish(project.run(architecture=architecture, method=method, seed=seed), 50.0, value)
    for run in project.runs(architecture="wrn-small", method="lets-sam"):
        project.diverge(run)
    return project
