"""A run on texts: its scores are computed again, its data is held against its digest."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.audit.found import reasons, verdicts

from lets.data.catalogue import DATASETS
from lets.data.texts import TextDataset, Texts, train_tokenizer
from lets.train import train_run

pytest.importorskip("transformers", reason="the extra `language` is not installed")

PARAMS = """
profile: test
device: cpu
seeds: [0]
training:
  epochs: 1
  batch_size: 16
  optimizer: {name: adam, lr: 1.0e-3}
  schedule: {name: constant}
experiments:
  one: {datasets: [cola], architectures: [deberta-small], methods: [sam]}
tables:
  scores: {title: Scores, experiments: [one], columns: [dataset], metric: score}
"""


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """CoLA as large as what is made of it here: the audit knows how many steps an epoch of it has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, "cola", replace(DATASETS["cola"], train_size=32, test_size=8))
        yield


@pytest.fixture(scope="module")
def master(small: None, make_project: Callable[..., Path]) -> Path:
    def fill(project: Any) -> None:
        rows = (("they read books",), ("books they reads",), ("she sleeps well",), ("sleep she well",)) * 8
        labels = torch.tensor([1, 0, 1, 0] * 8)
        splits = {"train": Texts(rows, labels), "test": Texts(rows[:8], labels[:8].clone())}
        whole = TextDataset("cola", "CoLA", splits, ("no", "yes"), train_tokenizer(rows))
        whole.write(project.layout.prepared("cola"))
        (spec,) = project.matrix.runs.values()
        train_run(spec, project.layout, "cpu", 1, lambda row: None)
        project.draw()

    return make_project(PARAMS, fill)


def test_untouched(project: Any) -> None:
    result = project.audit(weights=1)
    assert result.failures == ()
    assert [*verdicts(result).values()] == ["verified"]


@pytest.mark.parametrize("forged", [{"matthews": 77.0}, None])
def test_scores_that_the_weights_do_not_reach(project: Any, forged: dict[str, float] | None) -> None:
    """metrics.json and its digest are forged: only the weights know better."""
    run = project.run("sam", architecture="deberta-small")
    path = project.path(run, "metrics.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "scores": forged}))
    project.reseal(run)
    (reason,) = reasons(project.audit(weights=1))["weights"]
    assert reason.startswith("its weights give matthews")


def test_other_texts(project: Any) -> None:
    path = project.layout.prepared("cola")
    whole = TextDataset.read(path)
    fewer = Texts(whole.train.rows[:-4], whole.train.labels[:-4].clone())
    splits = {**whole.splits, "train": fewer}
    TextDataset("cola", "CoLA", splits, whole.class_names, whole.tokenizer).write(path)
    (failure,) = [one for one in project.audit(weights=1).failures if "trained on other" in one.reason]
    assert failure.reason == "was trained on other arrays than cola/clean has"
