"""One long table: a row per run, whatever became of it."""

from typing import TYPE_CHECKING, Any

from lets.records import Metrics
from lets.results.outcomes import Outcome, read_outcome
from lets.results.quantities import SCORES
from lets.spec import Layout, Matrix

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


def table_of_runs(matrix: Matrix, layout: Layout) -> "pandas.DataFrame":
    """Return a frame with one row per run of the matrix, in the order of the params file.

    Columns: id, dataset, noise, architecture, method, every hyper-parameter of any run, seed, status
    (finished, diverged, missing, partial, unreadable), every number of metrics.json (its rho
    as `final_rho`), the scores of texts as `test_bleu` and so on, reason. A number that a run does not have is
    NaN; hyper-parameters keep their type.
    """
    import pandas

    specs = matrix.runs.values()
    rows = [_row(read_outcome(spec, layout)) for spec in specs]
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
