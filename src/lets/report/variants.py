"""summary.json: the mean of every variant, for `dvc metrics show` and `dvc metrics diff`."""

from pathlib import Path
from typing import Any

from lets.records.files import json_text, write_text
from lets.results import QUANTITIES, Outcome, Summary, read_outcome
from lets.spec import Layout, Matrix, RunSpec

METRICS = (
    "test_accuracy",
    "best_test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "generalization_gap",
)


def summary_text(matrix: Matrix, layout: Layout) -> str:
    """Return JSON: variant → `finished` and `expected` runs, and metric → mean, sd and n.

    A variant is named by its folder, and by the hyper-parameters in which it differs from others in it.
    """
    variants: dict[str, list[RunSpec]] = {}
    for spec in matrix.runs.values():
        variants.setdefault(spec.model_copy(update={"seed": 0}).canonical(), []).append(spec)
    names = _names([specs[0] for specs in variants.values()])
    outcomes = [[read_outcome(spec, layout) for spec in specs] for specs in variants.values()]
    return json_text({name: _variant(runs) for name, runs in zip(names, outcomes, strict=True)})


def write_summary(matrix: Matrix, layout: Layout) -> Path:
    """Write summary.json and return its path."""
    write_text(layout.summary, summary_text(matrix, layout))
    return layout.summary


def _names(specs: list[RunSpec]) -> list[str]:
    folders = [spec.id.rpartition("/")[0] for spec in specs]
    names = []
    for spec, folder in zip(specs, folders, strict=True):
        peers = [other for other, place in zip(specs, folders, strict=True) if place == folder]
        differing = [
            key for key in spec.hyperparameters if len({repr(p.variant.get(key)) for p in peers}) > 1
        ]
        names.append("/".join([folder, *(f"{key}={spec.variant[key]}" for key in differing)]))
    # two trainings of one variant: fall back on the digest in the id of the first seed
    return [n if names.count(n) == 1 else f"{n}/{s.id[-8:]}" for n, s in zip(names, specs, strict=True)]


def _variant(runs: list[Outcome]) -> dict[str, Any]:
    finished = [run for run in runs if run.state == "finished"]
    content: dict[str, Any] = {"finished": len(finished), "expected": len(runs)}
    if diverged := sum(run.state == "diverged" for run in runs):
        content["diverged"] = diverged
    if finished:
        content |= {metric: _statistics(finished, metric) for metric in METRICS}
    return content


def _statistics(runs: list[Outcome], metric: str) -> dict[str, float]:
    assert metric in QUANTITIES, metric
    summary = Summary.of([value for run in runs if (value := run.value(metric)) is not None])
    spread = {"sd": summary.sd} if summary.n > 1 else {}
    return {"mean": summary.mean, **spread, "n": summary.n}
