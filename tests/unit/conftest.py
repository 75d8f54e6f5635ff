from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from tests.golden.factory import Project
from tests.golden.figures import figures_in, stubbed

import lets.data
from lets.config import RunSpec
from lets.config.paths import Layout
from lets.config.training import Schedule, Sgd, TrainingSpec
from lets.data.dataset import write_processed


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A project folder with the prepared digits."""
    layout = Layout("test", tmp_path)
    write_processed(lets.data.load("digits"), layout.arrays("digits"))
    return layout


@pytest.fixture(scope="session")
def make_run():
    """Build a small run of any method: make_run("sam", epochs=2, rho=0.1, training={"precision": "tf32"})."""
    from lets.optim.catalogue import resolve

    def make(
        method: str,
        epochs: int = 2,
        lr: float = 0.1,
        val_batches: str = "next",
        architecture: str = "resnet-small",
        training: Mapping[str, Any] = MappingProxyType({}),
        **given: object,
    ) -> RunSpec:
        values = {name: value for name, value in resolve(method, given).items() if name != "seed"}
        return RunSpec(
            dataset="digits",
            noise="clean",
            architecture=architecture,
            method=method,
            hyperparameters={n: list(v) if isinstance(v, tuple) else v for n, v in values.items()},
            training=TrainingSpec(
                **{
                    "epochs": epochs,
                    "batch_size": 128,
                    "optimizer": Sgd(name="sgd", lr=lr, momentum=0.9, weight_decay=5e-4),
                    "schedule": Schedule(name="cosine"),
                    "val_batches": val_batches,
                    **training,
                }
            ),
            seed=0,
        )

    return make


@pytest.fixture
def figures(tmp_path: Path) -> Project:
    return figures_in(tmp_path)


@pytest.fixture
def drawn(figures: Project) -> Project:
    return stubbed(figures)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Seven variants, two seeds."""
    return Project(
        tmp_path,
        experiments={
            "clean": {
                "datasets": ["digits"],
                "architectures": ["wrn-small", "resnet-small"],
                "methods": ["lets-sam", "erm"],
            },
            "radius": {
                "datasets": ["digits"],
                "architectures": ["resnet-small"],
                "methods": ["sam"],
                "vary": {"rho": [0.5, 0.05]},
            },
            "texts": {"datasets": ["iwslt14"], "architectures": ["transformer"], "methods": ["erm"]},
        },
        tables={
            "both": {
                "title": "Both",
                "experiments": ["clean", "texts"],
                "columns": ["dataset", "architecture"],
            },
            "radius": {"title": "Radius", "experiments": ["radius"], "rows": "rho", "columns": ["dataset"]},
        },
    )
