"""A run on texts: its scores are computed again, its data is held against its digest."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from lets.audit.audit import perform
from lets.data.texts import TextDataset, Texts
from lets.data.tokenizing import train_tokenizer
from lets.records.digests import sha256_file
from lets.report import write_table
from lets.spec import Layout, expand, load_params
from lets.train import train_run

pytest.importorskip("transformers", reason="the extra `language` is not installed")

PARAMS = """
profile: texts
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
audit_weights: 1
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("texts")
    (root / "params.yaml").write_text(PARAMS)
    params = load_params(root / "params.yaml")
    matrix, layout = expand(params), Layout(params.profile, root)
    rows = (("they read books",), ("books they reads",), ("she sleeps well",), ("sleep she well",)) * 8
    labels = torch.tensor([1, 0, 1, 0] * 8)
    splits = {"train": Texts(rows, labels), "test": Texts(rows[:8], labels[:8].clone())}
    TextDataset("cola", "CoLA", splits, ("no", "yes"), train_tokenizer(rows)).write(layout.prepared("cola"))
    (spec,) = matrix.runs.values()
    train_run(spec, layout, "cpu", 1, lambda row: None)
    write_table("scores", params.tables["scores"], params, matrix, layout)
    return root


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "project")
    return tmp_path / "project"


def audit(root: Path) -> Any:
    return perform(root / "params.yaml", Path("params/demo.yaml"), 1, root)


def test_untouched(project: Path) -> None:
    result = audit(project)
    assert result.failures == ()
    assert [str(one.verdict) for one in result.judged] == ["verified-by-weights"]


def test_a_score_that_the_weights_do_not_reach(project: Path) -> None:
    """metrics.json and its digest are forged: only the weights know better."""
    path = next(project.glob("results/texts/runs/**/metrics.json"))
    before, content = sha256_file(path), json.loads(path.read_text())
    content["scores"]["matthews"] += 20
    path.write_text(json.dumps(content))
    provenance = path.with_name("provenance.json")
    provenance.write_text(provenance.read_text().replace(before, sha256_file(path)))
    reasons = [failure.reason for failure in audit(project).failures]
    assert any(reason.startswith("its weights give matthews") for reason in reasons)


def test_other_texts(project: Path) -> None:
    path = Layout("texts", project).prepared("cola")
    whole = TextDataset.read(path)
    fewer = Texts(whole.train.rows[:-4], whole.train.labels[:-4].clone())
    splits = {**whole.splits, "train": fewer}
    TextDataset("cola", "CoLA", splits, whole.class_names, whole.tokenizer).write(path)
    (failure,) = [one for one in audit(project).failures if "trained on other" in one.reason]
    assert failure.reason == "was trained on other arrays than cola/clean has"
