"""docs/scale.md: its commands exist, its numbers are those of the code."""

import re

from tests.docs.pages import ROOT, commands

from lets.config.effort import training_flops
from lets.config.training import TrainingSpec
from lets.data.catalogue import describe
from lets.data.noisy_labels import HUMAN_LABELS
from lets.data.pictures import MOST_WORKERS
from lets.project import expand, load_params
from lets.train.loop import CHECKPOINT_INTERVAL

PAGE = (ROOT / "docs/scale.md").read_text()
COMMANDS = commands(PAGE)


def test_every_way_to_compute_stands_in_the_table_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGE, re.M))
    assert set(rows) == {"precision", "channels_last", "compile", "ranks"}
    for name, default in rows.items():
        assert str(TrainingSpec.model_fields[name].default).lower() == default


def test_every_precision_is_explained():
    choices = TrainingSpec.model_fields["precision"].annotation.__args__
    assert all(f"`{choice}`" in PAGE for choice in choices)


def test_numbers():
    imagenet = describe("imagenet")
    assert f"after every {CHECKPOINT_INTERVAL} steps" in PAGE
    assert f"{imagenet.train_size + imagenet.test_size:,} pictures in {imagenet.classes:,} classes" in PAGE
    assert f"{MOST_WORKERS} at most" in PAGE
    assert all(f"`{name}`" in PAGE or f"[{name}]" in PAGE for name in HUMAN_LABELS)


def test_the_short_profile_is_an_hour_of_a_data_centre_gpu():
    from lets.models.costs import cost

    runs = expand(load_params(ROOT / "params/short.yaml")).runs.values()
    assert {(run.architecture, run.dataset, run.training.epochs) for run in runs} == {
        ("resnet18", "cifar10", 15)
    }
    assert len({run.method for run in runs}) == 11
    assert {run.noise for run in runs} == {"clean", "symmetric-40", "symmetric-80"}
    network = cost("resnet18", 10, (3, 32, 32))
    seconds = sum(training_flops(run, network) for run in runs) / 55e12  # what its head says
    assert 3000 < seconds < 3700
