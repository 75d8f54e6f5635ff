"""A network of the user's own: how it is tried, what it costs, and what params files say of it."""

import re

import pytest
import torch

import lets.models
from lets.config.own import network
from lets.errors import SpecError
from lets.models.costs import count
from lets.models.own import tried
from lets.project.project import load_params
from lets.runs.code import code_digest

MODULE = """
from torch import nn


def network(classes, image):
    return nn.Sequential(nn.Flatten(), nn.Linear({inputs}, classes))
"""
PARAMS = """
profile: mine
seeds: [0]
training: {epochs: 1, batch_size: 8, optimizer: {name: sgd, lr: 0.1}, schedule: {name: constant}}
experiments:
  clean:
    datasets: [digits]
    architectures: ["mine:network"]
    methods: [erm]
"""


def test_it_is_built_by_its_function_and_counted(write) -> None:
    write("mine.py", MODULE.format(inputs=64))
    network("mine:network")
    torch.manual_seed(0)
    built = lets.models.create("mine:network", 10, (1, 8, 8))
    torch.manual_seed(0)
    assert built[1].weight.equal(torch.nn.Linear(64, 10).weight)
    cost = count("mine:network", 10, (1, 8, 8))
    assert (cost.parameters, cost.flops) == (64 * 10 + 10, 2 * 64 * 10)


def test_trying_it_leaves_torchs_random_numbers_alone(write) -> None:
    write("mine.py", MODULE.format(inputs=64))
    before = torch.get_rng_state()
    tried("mine:network", 10, (1, 8, 8))
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("nn.Linear(3, classes)", "given images [2, 1, 8, 8], raised RuntimeError"),
        ("nn.Flatten()", "no nn.Module with parameters"),
        ("None", "returned None, no nn.Module"),
        ("nn.Linear(8, classes)", "makes [2, 1, 8, 10] of images [2, 1, 8, 8], not logits [2, 10]"),
        ("nn.LSTM(8, 8, classes, bad=1)", "called with (10, (1, 8, 8)) raised"),
        ("Cut()", "the gradient of its network raised"),
    ],
)
def test_what_cannot_be_trained_is_refused(write, returned: str, reason: str) -> None:
    cut = (
        "class Cut(nn.Linear):\n    def __init__(self):\n        super().__init__(64, 10)\n"
        "    def forward(self, x):\n        return super().forward(x.flatten(1)).detach()\n"
    )
    write(
        "mine.py", f"from torch import nn\n\ndef network(classes, image):\n    return {returned}\n\n\n{cut}"
    )
    with pytest.raises(SpecError, match=re.escape(reason)):
        tried("mine:network", 10, (1, 8, 8))


def test_a_params_file_names_it_or_is_refused_with_the_line(write, tmp_path) -> None:
    write("mine.py", MODULE.format(inputs=64))
    write("mine.yaml", PARAMS)
    assert load_params("mine.yaml").experiments["clean"].architectures == ["mine:network"]
    write("mine.yaml", PARAMS.replace("mine:network", "mine:net"))
    with pytest.raises(
        SpecError, match=r"mine\.yaml:8: .*mine\.py defines no function net – write  mine:network"
    ):
        load_params("mine.yaml")


def test_it_reads_no_texts(write) -> None:
    write("mine.py", MODULE.format(inputs=64))
    write("mine.yaml", PARAMS.replace("digits", "definitions"))
    with pytest.raises(SpecError, match="mine:network on definitions – is not made for it"):
        load_params("mine.yaml")


def test_a_change_of_the_module_changes_the_digest_of_its_runs_alone(write, make_run) -> None:
    write("mine.py", MODULE.format(inputs=64))
    network("mine:network")
    own, other = make_run("sam", architecture="mine:network"), make_run("sam")
    before = code_digest(own), code_digest(other)
    write("mine.py", MODULE.format(inputs=32))
    network("mine:network")
    assert code_digest(own) != before[0]
    assert code_digest(other) == before[1]
