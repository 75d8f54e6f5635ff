"""runs.csv and summary.json: every run in one long table, and the mean of every variant."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lets.config.run import RunSpec
from lets.files import json_text, write_text
from lets.project import Project
from lets.runs import Metrics
from lets.runs.metrics import QUANTITIES, SCORES
from lets.runs.outcomes import Outcome
from lets.stats.summary import Summary

if TYPE_CHECKING:
    import pandas


_NUMBERS = {
    name: "final_rho" if name == "rho" else name  # `rho` is the hyper-parameter
    for name in Metrics.model_fields
    if name not in ("run", "status", "divergence", "scores")
}
"""field of metrics.json → column"""


_SCORES = {
    name: name if name.startswith("held_out") else f"test_{name}" for name in SCORES if name != "accuracy"
}
"""the same for what it says of texts; accuracy is told of all data sets"""


def table_of_runs(project: Project) -> "pandas.DataFrame":
    """Return a frame with one row per run of the matrix, in the order of the params file.

    Columns: id, dataset, noise, architecture, method, every hyper-parameter of any run, seed, status
    (finished, diverged, missing, partial, unreadable), every number of metrics.json (its rho
    as `final_rho`), the scores of texts as `test_bleu` and so on, reason. A number that a run does not have is
    NaN; hyper-parameters keep their type.
    """
    import pandas

    specs = project.matrix.runs.values()
    rows = [_row(outcome) for outcome in project.runs.values()]
    fields = dict.fromkeys(name for spec in specs for name in spec.variant)
    numbers = [
        *_NUMBERS.values(),
        *(score for score in _SCORES.values() if any(score in row for row in rows)),
    ]
    columns = ["id", *fields, "seed", "status", *numbers, "reason"]
    frame = pandas.DataFrame(rows, columns=columns, dtype=object)
    return frame.astype(dict.fromkeys(numbers, float) | {"seed": int})


def _row(outcome: Outcome) -> dict[str, Any]:
    spec, metrics = outcome.spec, outcome.metrics
    numbers = {column: getattr(metrics, name) for name, column in _NUMBERS.items()} if metrics else {}
    told = (metrics.scores or {}) if metrics else {}
    scores = {column: told[name] for name, column in _SCORES.items() if name in told}
    facts = {"id": spec.id, "seed": spec.seed, "status": outcome.state, "reason": outcome.reason}
    return {**spec.variant, **facts, **numbers, **scores}


def runs_text(project: Project) -> str:
    """Return the csv: a line per run, done or not, with every hyper-parameter and number at full precision."""
    text: str = table_of_runs(project).to_csv(index=False, lineterminator="\n")
    return text


def write_runs(project: Project) -> Path:
    """Write runs.csv and return its path."""
    write_text(path := project.layout.long_table, runs_text(project))
    return path


METRICS = (
    "test_accuracy",
    "best_test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "generalization_gap",
)


def summary_text(project: Project) -> str:
    """Return JSON: variant → `finished` and `expected` runs, and metric → mean, sd and n.

    A variant is named by its folder, and by the hyper-parameters in which it differs from others in it.
    """
    variants: dict[str, list[RunSpec]] = {}
    for spec in project.matrix.runs.values():
        variants.setdefault(spec.unseeded.canonical(), []).append(spec)
    names = _names([specs[0] for specs in variants.values()])
    outcomes = [[project.outcome(spec) for spec in specs] for specs in variants.values()]
    return json_text({name: _variant(runs) for name, runs in zip(names, outcomes, strict=True)})


def write_summary(project: Project) -> Path:
    """Write summary.json and return its path."""
    write_text(path := project.layout.summary, summary_text(project))
    return path


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
