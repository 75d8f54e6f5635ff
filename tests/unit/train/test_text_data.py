"""Runs on texts: what they are trained on, and what is told of them."""

import numpy as np
import pytest
import torch

from lets.audit.retraining import evaluated
from lets.config.paths import Layout
from lets.data.texts import TextDataset, Texts, train_tokenizer
from lets.train import train_run
from lets.train.job import restored_model
from lets.train.run_data import RunData

pytest.importorskip("transformers", reason="the extra `language` is not installed")
from tokenizers import Tokenizer

CPU = torch.device("cpu")
GOOD, BAD = (
    ("a fine warm film", "what a joy to watch", "lovely"),
    ("a dull cold film", "what a bore", "awful"),
)


@pytest.fixture
def sentences(layout) -> Layout:
    """SST-2 as small as can be: twelve times three good and three bad sentences; the test set is the last of them."""
    rows = tuple((text,) for text in (GOOD + BAD) * 12)
    labels = torch.tensor(([1] * 3 + [0] * 3) * 12)
    splits = {"train": Texts(rows, labels), "test": Texts(rows[:12], labels[:12].clone())}
    tokenizer = train_tokenizer(rows)
    TextDataset("sst2", "SST-2", splits, ("negative", "positive"), tokenizer).write(layout.prepared("sst2"))
    return layout


@pytest.fixture
def make_text_run(make_run):
    def make(method="lets-sam", epochs=2, **training):
        adam = {"name": "adam", "lr": 2e-3}
        run = make_run(
            method,
            architecture="deberta-small",
            training={"epochs": epochs, "batch_size": 24, "optimizer": adam, "clip": 1.0, **training},
        )
        return run.model_copy(update={"dataset": "sst2"})

    return make


def train(spec, layout):
    return train_run(spec, layout, "cpu", 1, lambda row: None)


def test_it_reads_what_was_prepared(sentences, make_text_run):
    data = RunData.read(make_text_run(), sentences, CPU)
    assert (data.classes, data.image, len(data.train)) == (2, (4_000,), 3)
    assert data.pretrained is None
    assert set(data.digests) == {"arrays", "training_labels"}
    ids, labels = next(data.train.epoch(0))
    assert (ids.dtype, labels.dtype) == (torch.int64, torch.int64)
    assert len(ids) == len(labels) == 24
    another_seed = RunData.read(make_text_run().model_copy(update={"seed": 1}), sentences, CPU)
    for other in (data.validation, another_seed.train):
        assert not torch.equal(labels, next(other.epoch(0))[1])


def test_it_learns_and_tells_its_scores(sentences, make_text_run):
    spec = make_text_run(epochs=8)
    metrics = train(spec, sentences)
    assert metrics.test_accuracy == 100
    assert metrics.scores == {"accuracy": 100.0}


def test_scores_are_those_of_the_stored_weights(sentences, make_text_run):
    spec = make_text_run("sam", epochs=1)
    metrics = train(spec, sentences)
    found = evaluated(spec, sentences, "cpu")
    assert (found["test_loss"], found["accuracy"]) == (metrics.test_loss, metrics.scores["accuracy"])
    model = restored_model(spec, sentences, data := RunData.read(spec, sentences, CPU)).eval()
    with torch.no_grad():
        hits = [np.mean((model(ids).argmax(1) == labels).numpy()) for ids, labels in data.test.plain(4)]
    assert metrics.scores["accuracy"] == pytest.approx(100 * np.mean(hits))


def test_a_run_with_dropout_gives_the_same_bytes_again(sentences, elsewhere, digests, make_text_run):
    spec = make_text_run(dropout="same", val_batches="independent")
    train(spec, sentences)
    train(spec, elsewhere)
    assert digests(elsewhere, spec.id) == digests(sentences, spec.id)


def test_training_is_measured_on_a_sample_as_large_as_the_test_set(sentences, make_text_run):
    data = RunData.read(make_text_run(), sentences, CPU)
    assert len(data.measured.labels) == len(data.test.labels) == 12
    again = RunData.read(make_text_run("sam"), sentences, CPU)
    (ids, labels), (same, equal) = next(data.measured.plain(12)), next(again.measured.plain(12))
    assert torch.equal(ids, same)
    assert torch.equal(labels, equal)
    tokenizer = Tokenizer.from_str(TextDataset.read(sentences.prepared("sst2")).tokenizer)
    read = [tokenizer.decode(row.tolist()) for row in ids]
    assert [text in GOOD for text in read] == labels.bool().tolist()
    assert set(read) <= {*GOOD, *BAD}


def test_a_third_split_is_scored_beside_the_test_set(layout, make_text_run):
    """MNLI has two development sets; here every pair of the second one has another label than it should."""
    pairs = (("it rains", "it is wet"), ("it rains", "it is dry"), ("it rains", "she sings")) * 8
    right, wrong = torch.tensor([0, 2, 1] * 8), torch.tensor([1, 0, 2] * 8)
    splits = {
        "train": Texts(pairs, right),
        "test": Texts(pairs, right.clone()),
        "mismatched": Texts(pairs, wrong),
    }
    names = ("entailment", "neutral", "contradiction")
    TextDataset("mnli", "MNLI", splits, names, train_tokenizer(pairs)).write(layout.prepared("mnli"))
    spec = make_text_run("erm", epochs=60).model_copy(update={"dataset": "mnli"})
    assert train(spec, layout).scores == {"accuracy": 100.0, "accuracy_mismatched": 0.0}


def test_images_have_no_scores(layout, make_run):
    assert train(make_run("erm", epochs=1), layout).scores is None
