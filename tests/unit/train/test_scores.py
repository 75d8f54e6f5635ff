"""Scores against scikit-learn's and scipy's, on random and on degenerate predictions."""

import math
import warnings

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import torch

from lets.data.catalogue import DATASETS, describe
from lets.data.glue import TASKS
from lets.train.tasks import METRICS, glue_scores, score_names

CLASSES = [
    *(
        np.random.default_rng(seed).integers(0, 2, (2, size))
        for seed, size in enumerate([2, 3, 10, 408, 5000])
    ),
    np.array([[0, 0, 0], [0, 1, 1]]),
    np.array([[1, 1, 1], [0, 1, 1]]),
    np.array([[0, 1, 1], [0, 0, 0]]),
    np.array([[0, 1, 1], [1, 1, 1]]),
    np.array([[0, 0], [0, 0]]),
    np.array([[1, 1], [1, 1]]),
    np.array([[0, 1, 0], [1, 0, 1]]),
]
REFERENCES = {
    "accuracy": sklearn.metrics.accuracy_score,
    "f1": lambda true, predicted: sklearn.metrics.f1_score(true, predicted, zero_division=0),
    "matthews": sklearn.metrics.matthews_corrcoef,
}


@pytest.mark.parametrize("metric", REFERENCES)
@pytest.mark.parametrize("both", CLASSES, ids=lambda both: "x".join(map(str, both.shape)))
def test_of_two_classes(metric: str, both: np.ndarray) -> None:
    predicted, true = both
    expected = REFERENCES[metric](true, predicted)
    assert METRICS[metric](predicted.astype(float), true.astype(float)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [0, 1, 8])
def test_correlations_with_and_without_ties(seed: int, digits: int) -> None:
    x, y = np.random.default_rng(seed).normal(2.5, 2, (2, 200)).round(digits)
    y = y + x
    assert METRICS["pearson"](x, y) == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-12)
    assert METRICS["spearman"](x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)


@pytest.mark.parametrize("metric", ["pearson", "spearman", "matthews"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 1e9])
def test_a_constant_correlates_with_nothing(metric: str, constant: float) -> None:
    x, y = np.full(7, constant), np.arange(7.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert METRICS[metric](x, y) == METRICS[metric](y, x) == METRICS[metric](x, x) == 0
    with pytest.warns(scipy.stats.ConstantInputWarning):
        assert math.isnan(scipy.stats.pearsonr(x, y).statistic)  # which is why 0 is written down


def test_perfect_and_opposite_scores() -> None:
    x = np.array([0.1, 0.2, 0.7])
    assert (METRICS["pearson"](x, 3 * x + 1), METRICS["spearman"](x, x**3)) == pytest.approx((1, 1))
    assert (METRICS["pearson"](x, -x), METRICS["spearman"](x, -x)) == pytest.approx((-1, -1))


def test_the_headline_is_the_catalogues_and_comes_first() -> None:
    assert {name: score_names(name) for name in TASKS} == {
        "cola": ("matthews", "accuracy"),
        "sst2": ("accuracy",),
        "mrpc": ("accuracy", "f1"),
        "stsb": ("pearson", "spearman"),
        "qqp": ("accuracy", "f1"),
        "mnli": ("accuracy",),
        "qnli": ("accuracy",),
        "rte": ("accuracy",),
    }
    for name in TASKS:
        assert score_names(name)[0] == describe(name).metric
    assert DATASETS["stsb"].task == "regression"


def test_logits_in_percent() -> None:
    logits = torch.tensor([[2.0, 1.0], [0.0, 1.0], [-1.0, -2.0], [0.0, 3.0]])
    labels = torch.tensor([0, 1, 1, 1])
    assert glue_scores("mrpc", logits, labels) == pytest.approx({"accuracy": 75, "f1": 80})
    assert glue_scores("cola", logits, labels)["matthews"] == pytest.approx(57.735, abs=1e-3)
    assert glue_scores("mnli", torch.eye(3), torch.tensor([0, 1, 1])) == pytest.approx({"accuracy": 200 / 3})


def test_scores_of_a_regression_are_not_classes() -> None:
    labels = torch.tensor([0.0, 2.5, 5.0, 4.0])
    outputs = torch.tensor([[0.1], [2.0], [7.0], [9.0]])
    found = glue_scores("stsb", outputs, labels)
    assert found["pearson"] == pytest.approx(100 * np.corrcoef(outputs.squeeze(1), labels)[0, 1], abs=1e-5)
    assert found["spearman"] == pytest.approx(80)
