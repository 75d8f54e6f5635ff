"""The runs that a figure or table of analyses shows, and which of them have their analysis."""

from dataclasses import replace

from lets.results import Outcome, read_outcome
from lets.results.repeats import in_order, repeats
from lets.spec import Layout, Matrix
from lets.spec.matrix import first_seeds
from lets.spec.params import Analysis


def analysed_runs(item: Analysis, matrix: Matrix, layout: Layout) -> list[Outcome]:
    """Return the first seed of each method; a finished run without its analysis counts as missing."""
    outcomes = [read_outcome(spec, matrix, layout) for spec in first_seeds(matrix.select(item))]
    groups = repeats(outcomes, ("method",))
    return [_unless_missing(groups[key][0], item.kind, layout) for key in in_order(groups)]


def _unless_missing(outcome: Outcome, kind: str, layout: Layout) -> Outcome:
    if outcome.state != "finished" or layout.analysis(kind, outcome.id).is_file():
        return outcome
    reason = f"make its {kind}:  lets analyse {kind} --run {outcome.id}"
    return replace(outcome, state="missing", reason=reason)
