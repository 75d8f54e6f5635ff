"""Texts: sentences to be judged, or to be translated.

How good judgements are is told in percent: accuracy, F1, Matthews, Pearson, Spearman.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

import lets.models.catalogue
from lets.config import RunSpec, seed_for
from lets.config.paths import Layout
from lets.data.catalogue import describe
from lets.data.dataset import arrays_sha256
from lets.data.pretrained import Pretrained, read_pretrained
from lets.data.sources import default_root
from lets.data.texts import TextDataset, encode
from lets.data.tokens import Pairs, SentencePairs, Sentences
from lets.data.translation import Translation
from lets.train.data import Place, RunData
from lets.train.device import evaluating
from lets.train.tasks import in_precision
from lets.train.translation import bleu_scores

__all__ = ["METRICS", "glue_scores", "read_texts", "score_names"]

BATCH = 100
"""sentences judged at a time"""


def read_texts(spec: RunSpec, layout: Layout, place: Place) -> RunData:
    """Read a prepared data set of texts, in the vocabulary of the run's architecture."""
    read = _read_pairs if describe(spec.dataset).task == "translation" else _read_sentences
    return read(spec, layout, {"batch_size": spec.training.batch_size, **vars(place)})


def _read_sentences(spec: RunSpec, layout: Layout, common: dict[str, Any]) -> RunData:
    dataset, seeds = TextDataset.read(layout.prepared(spec.dataset)), spec.seeds()
    pretrained = _pretrained(spec)
    tokenizer = pretrained.tokenizer if pretrained else dataset.tokenizer
    digests = _digests(dataset.arrays, dataset.train.labels)
    tokens = {split: encode(texts.rows, tokenizer) for split, texts in dataset.splits.items()}
    loaders = {
        split: Sentences(tokens[split], texts.labels, **common) for split, texts in dataset.splits.items()
    }
    train = loaders.pop("train")
    chosen = _sample(spec, len(dataset.train), len(dataset.test))
    info = lets.models.catalogue.describe(spec.architecture)
    return RunData(
        train=train.with_seed(seeds["order"]),
        validation=train.with_seed(seeds["validation"]),
        measured=Sentences(tokens["train"].some(chosen), dataset.train.labels[chosen], **common),
        test=loaders["test"],
        classes=dataset.classes,
        image=info.image if pretrained else (describe(spec.dataset).vocabulary,),
        digests=digests | ({"pretrained": pretrained.sha256} if pretrained else {}),
        pretrained=pretrained.weights if pretrained else None,
        scores=partial(_judged, spec, loaders),
    )


def _read_pairs(spec: RunSpec, layout: Layout, common: dict[str, Any]) -> RunData:
    corpus, seeds = Translation.read(layout.prepared(spec.dataset)), spec.seeds()
    pairs = corpus.splits["train"]
    train = SentencePairs(pairs, seed=seeds["order"], **common)
    test = SentencePairs(corpus.splits["test"], **common)
    chosen = _sample(spec, len(pairs), len(corpus.splits["test"]))
    return RunData(
        train=train,
        validation=train.with_seed(seeds["validation"]),
        measured=SentencePairs(Pairs(pairs.source.some(chosen), pairs.target.some(chosen)), **common),
        test=test,
        classes=0,
        image=(corpus.vocabulary,),
        digests=_digests(corpus.arrays, corpus.splits["train"].target.ids),
        scores=partial(
            bleu_scores,
            pairs=test,
            references=corpus.references["test"],
            bpe=corpus.bpe,
            precision=spec.training.precision,
        ),
    )


def _pretrained(spec: RunSpec) -> Pretrained | None:
    repository = lets.models.catalogue.describe(spec.architecture).pretrained
    return read_pretrained(repository, default_root()) if repository else None


def _digests(arrays: Any, labels: Tensor) -> dict[str, str]:
    return {"arrays": arrays_sha256(arrays), "training_labels": arrays_sha256({"labels": labels})}


def _sample(spec: RunSpec, count: int, size: int) -> Tensor:
    """Which training texts the training loss is measured on after an epoch: the same in every run."""
    generator = torch.Generator().manual_seed(seed_for("measured", spec.dataset))
    return torch.randperm(count, generator=generator)[:size].sort().values


def _judged(spec: RunSpec, splits: Mapping[str, Sentences], model: nn.Module) -> dict[str, float]:
    """Every score of GLUE, in eval mode; on MNLI's mismatched sentences as `accuracy_mismatched`."""
    scores = dict[str, float]()
    for split, texts in splits.items():
        forward = in_precision(model, spec.training.precision, texts.labels.device)
        with evaluating(model):
            outputs, labels = zip(*((forward(x), y) for x, y in texts.plain(BATCH)), strict=True)
        found = glue_scores(spec.dataset, torch.cat(outputs), torch.cat(labels))
        scores |= {name if split == "test" else f"{name}_{split}": value for name, value in found.items()}
    return scores


Numbers = npt.NDArray[np.float64]


def _accuracy(predicted: Numbers, true: Numbers) -> float:
    return float((predicted == true).mean())


def _f1(predicted: Numbers, true: Numbers) -> float:
    """The harmonic mean of precision and recall of class 1; 0 if nobody ever says 1."""
    hits, said, there = (predicted * true).sum(), predicted.sum(), true.sum()
    return float(2 * hits / (said + there)) if said + there else 0.0


def _correlation(predicted: Numbers, true: Numbers) -> float:
    """Pearson's correlation; of two classes 0 and 1 it is Matthews'. 0 if either side is constant."""
    x, y = predicted - predicted.mean(), true - true.mean()
    # Rounding leaves a constant a tiny deviation from its own mean: asked of the numbers, not of their spread.
    if np.ptp(predicted) == 0 or np.ptp(true) == 0:
        return 0.0
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1, 1))


def _spearman(predicted: Numbers, true: Numbers) -> float:
    from scipy.stats import rankdata  # half a second that only similarity is worth

    return _correlation(rankdata(predicted), rankdata(true))


METRICS: dict[str, Callable[[Numbers, Numbers], float]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "matthews": _correlation,
    "pearson": _correlation,
    "spearman": _spearman,
}
"""metric → function of predictions and true labels, [N] each: classes, or scores of a regression"""

_BESIDE = {"cola": ("accuracy",), "mrpc": ("f1",), "qqp": ("f1",), "stsb": ("spearman",)}
"""data set → what GLUE reports of it beside the metric of the catalogue"""


def score_names(dataset: str) -> tuple[str, ...]:
    """The metrics of a data set of GLUE, the one of the catalogue first."""
    return (describe(dataset).metric, *_BESIDE.get(dataset, ()))


def glue_scores(dataset: str, outputs: Tensor, labels: Tensor) -> dict[str, float]:
    """Return every score of a data set of GLUE by name, in percent.

    `outputs` [N, classes] are logits, or [N, 1] scores of a regression; `labels` [N]. Predictions that are
    all the same correlate with nothing: Matthews, Pearson and Spearman are 0 then. F1 is that of class 1.
    """
    regression = describe(dataset).task == "regression"
    predicted = outputs.squeeze(1) if regression else outputs.argmax(1)
    both = (predicted.double().cpu().numpy(), labels.double().cpu().numpy())
    return {name: 100 * METRICS[name](*both) for name in score_names(dataset)}
