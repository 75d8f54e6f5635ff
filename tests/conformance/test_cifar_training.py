"""Every method of the paper trains ResNet-8 on real CIFAR-10 for 200 steps, through `lets train`."""

from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

import lets.data
from lets.cli.main import app
from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.data.dataset import Dataset, Split, write_processed
from lets.project import expand, load_params
from lets.runs import RunRecord, Status

IMAGES, BATCH, EPOCHS = 20, 4, 40
STEPS = EPOCHS * IMAGES // BATCH
METHODS = [
    "erm",
    "esam",
    "rst",
    "ae-sam",
    "looksam",
    "ae-looksam",
    "gsam",
    "sam",
    "lets-sam",
    "asam",
    "lets-asam",
]
LETS = 3 + EPOCHS / STEPS  # the first step of an epoch finds no kept gradient
PASSES = {
    "erm": 1,
    "sam": 2,
    "asam": 2,
    "gsam": 2,
    "esam": 2,
    "looksam": 1.2,
    "lets-sam": LETS,
    "lets-asam": LETS,
}
PARAMS = {
    "profile": "cifar",
    "device": "cpu",
    "seeds": [0],
    "training": {
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "optimizer": {"name": "adam", "lr": 0.001},
        "schedule": {"name": "cosine", "per": "step"},
        "val_batches": "next",
    },
    "experiments": {"one": {"datasets": ["cifar10"], "architectures": ["resnet8"], "methods": METHODS}},
}


def first(split: Split, count: int) -> Split:
    return Split(split.images[:count].clone(), split.labels[:count].clone())


@pytest.fixture(scope="module")
def project(cifar10_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A project folder with the first 20 training and 40 test images: few enough to be learned in 200 steps."""
    root = tmp_path_factory.mktemp("cifar")
    layout = Layout("cifar", root)
    real = lets.data.load("cifar10", root=cifar10_root)
    train, test = first(real.train, IMAGES), first(real.test, 40)
    write_processed(Dataset(real.name, real.title, train, test, real.class_names), layout.prepared("cifar10"))
    (root / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    return layout


@pytest.fixture(scope="module")
def matrix(project: Layout) -> Matrix:
    return expand(load_params(project.root / "params.yaml"))


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_real_images(
    project: Layout, matrix: Matrix, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    run = f"cifar10/clean/resnet8/{method}/"
    app(["train", "--params", "params.yaml", "--run", run], standalone_mode=False)
    record = RunRecord.at(project, matrix.find(run).id)
    assert record.status is Status.FINISHED
    assert record.metrics.steps == STEPS
    if method in PASSES:
        assert record.metrics.passes == PASSES[method] * STEPS
    loss = load_file(record.folder / "trace.safetensors")["loss"]
    assert loss.shape == (STEPS,)
    # Chance is ln 10 = 2.303: a network that learns nothing stays there.
    assert loss[:5].mean() > 2
    assert loss[-20:].mean() < 1.9
