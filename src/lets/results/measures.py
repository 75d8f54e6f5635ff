"""What claims are about, of one run: a number of its record, of its history, or of an analysis of it."""

from statistics import fmean

from lets.records import RunRecord
from lets.records.landscape import read_points
from lets.records.sharpness import EIGENVALUE, M_SHARPNESS, TRACE, read_measures
from lets.results.outcomes import Outcome
from lets.results.quantities import QUANTITIES, Quantity
from lets.spec import Layout
from lets.spec.claims import ANALYSED

RADIUS = 0.05
"""that m-sharpness is compared at: where SAM starts"""
_SHARPNESS = {"top_eigenvalue": (EIGENVALUE, 1), "trace": (TRACE, 0), "m_sharpness": (M_SHARPNESS, RADIUS)}

MEASURES = QUANTITIES | {
    "mean_loss": Quantity("Training loss over all epochs", "nats", 3, "lower"),
    "top_eigenvalue": Quantity("Largest eigenvalue of the Hessian", "", 2, "lower"),
    "trace": Quantity("Trace of the Hessian", "", 1, "lower"),
    "m_sharpness": Quantity(f"m-sharpness at {RADIUS:g}", "nats", 4, "lower"),
    "landscape": Quantity("Rise of the loss over a random plane", "nats", 3, "lower"),
}
"""by the name that claims use"""


def measured(run: Outcome, metric: str, layout: Layout) -> float | None:
    """Return one number of a run; None unless it finished and has it. Raises RecordError for damaged files."""
    if run.state != "finished":
        return None
    if metric == "mean_loss":
        return fmean(row.loss for row in RunRecord.at(layout, run.id).history)
    if metric in ANALYSED:
        return _analysed(run, metric, layout)
    return run.value(metric)


def analysis_missing(run: Outcome, metric: str, layout: Layout) -> bool:
    """Whether a finished run still lacks the analysis that a metric needs."""
    kind = ANALYSED.get(metric)
    return run.state == "finished" and kind is not None and not layout.analysis(kind, run.id).is_file()


def _analysed(run: Outcome, metric: str, layout: Layout) -> float | None:
    if analysis_missing(run, metric, layout):
        return None
    if metric == "landscape":
        points = read_points(layout.landscape(run.id))
        middle = min(points, key=lambda point: abs(point.a) + abs(point.b))
        return fmean(point.loss for point in points) - middle.loss
    place = _SHARPNESS[metric]
    measures = read_measures(layout.sharpness(run.id))
    return next((one.value for one in measures if (one.quantity, one.at) == place), None)
