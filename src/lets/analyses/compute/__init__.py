"""The parts of the analyses that need torch."""

from collections.abc import Callable

from lets.analyses.compute.curvature import measure_sharpness
from lets.analyses.compute.estimators import compare_hypergradients
from lets.analyses.compute.plane import loss_landscape

COMPUTE: dict[str, Callable[..., str]] = {
    "landscape": loss_landscape,
    "hypergradient": compare_hypergradients,
    "sharpness": measure_sharpness,
}
"""kind of analysis → what makes its csv of (run, layout, settings of the kind, device)"""
